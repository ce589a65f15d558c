// graphile.js: graphile-worker, tuned for the work that is measured.
//
//	node graphile.js fill N AT          N jobs, made in one call for each 1,000
//	node graphile.js work URL CONNECTIONS   send them, until killed
//	node graphile.js cron URL CONNECTIONS N CRON AT   a static crontab of N lines; run until killed
//	node graphile.js create CONNECTIONS SECONDS   jobs made one by one, a second
//
// Jobs are fetched and completed in batches (localQueue, completeJobBatchDelay),
// without which each costs two round trips.

const { run, makeWorkerUtils, parseCronItems, Logger } = require('graphile-worker');
const { Pool } = require('pg');
const { sender, rate, main } = require('./job');

const logger = new Logger(() => (level, message) => { if (level === 'error') console.error(message); });
const TASK = 'bench';

async function start(url, connections, cronItems) {
  const send = sender(url, connections);
  await run({
    pgPool: new Pool({ max: 16 }),
    logger,
    noHandleSignals: true,
    taskList: { [TASK]: async ({ n, at }) => { await send(n, at); } },
    parsedCronItems: parseCronItems(cronItems),
    preset: {
      worker: {
        concurrentJobs: connections,
        pollInterval: 100,
        maxPoolSize: 16,
        localQueue: { size: Math.max(4 * connections, 500) },
        completeJobBatchDelay: 0,
        failJobBatchDelay: 0,
      },
    },
  });
  console.log('ready');
  await new Promise(() => {});
}

main({
  async fill(n, at) {
    const utils = await makeWorkerUtils({ pgPool: new Pool({ max: 1 }), logger });
    await utils.migrate();
    for (let i = 0; i < n; i += 1000) {
      await utils.addJobs(Array.from({ length: Math.min(1000, n - i) }, (_, j) => ({ identifier: TASK, payload: { n: i + j, at } })));
    }
    return { made: Number(n) };
  },

  work: (url, connections) => start(url, Number(connections), []),

  cron: (url, connections, n, cron, at) => start(url, Number(connections), Array.from({ length: Number(n) }, (_, i) => (
    { task: TASK, match: cron, identifier: `line${i}`, payload: { n: i, at } }))),

  async create(connections, seconds) {
    const utils = await makeWorkerUtils({ pgPool: new Pool({ max: Number(connections) }), logger });
    await utils.migrate();
    return { per_s: await rate(Number(connections), Number(seconds), (n) => utils.addJob(TASK, { n })) };
  },
});
