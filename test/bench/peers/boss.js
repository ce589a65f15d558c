// boss.js: pg-boss, tuned for the work that is measured.
//
//	node boss.js fill N AT          N jobs, made in one call for each 1,000
//	node boss.js work URL CONNECTIONS   send them, until killed
//	node boss.js cron N CRON        N schedules, each with its queue; forward until killed
//	node boss.js create CONNECTIONS SECONDS   jobs made one by one, a second
//	node boss.js idle               run with the defaults, until killed
//
// Its work() waits for half a second between batches at least, so jobs are
// fetched and completed in loops of our own, by its own calls.

const PgBoss = require('pg-boss');
const { sender, rate, main } = require('./job');

const QUEUE = 'bench';
const LOOPS = 8;

async function start(options) {
  const boss = new PgBoss({ host: process.env.PGHOST, database: process.env.PGDATABASE, user: process.env.PGUSER, ...options });
  boss.on('error', (error) => console.error(error));
  await boss.start();
  return boss;
}

main({
  async fill(n, at) {
    const boss = await start({ supervise: false, schedule: false });
    await boss.createQueue(QUEUE);
    for (let i = 0; i < n; i += 1000) {
      await boss.insert(Array.from({ length: Math.min(1000, n - i) }, (_, j) => ({ name: QUEUE, data: { n: i + j, at } })));
    }
    return { made: Number(n) };
  },

  async work(url, connections) {
    const boss = await start({ max: LOOPS, schedule: false });
    const send = sender(url, Number(connections));
    const batchSize = Math.ceil(2 * connections / LOOPS);
    console.log('ready');
    await Promise.all(Array.from({ length: LOOPS }, async () => {
      for (;;) {
        const jobs = await boss.fetch(QUEUE, { batchSize });
        if (jobs.length === 0) {
          await new Promise((resolve) => { setTimeout(resolve, 10); });
          continue;
        }
        await Promise.all(jobs.map((job) => send(job.data.n, job.data.at)
          .then(() => job.id, (error) => boss.fail(QUEUE, job.id, { message: error.message }))))
          .then((ids) => boss.complete(QUEUE, ids.filter((id) => typeof id === 'string')));
      }
    }));
  },

  async cron(n, cron) {
    const boss = await start({ max: 8, cronMonitorIntervalSeconds: 1, cronWorkerIntervalSeconds: 1 });
    for (let i = 0; i < n; i += 1) {
      await boss.createQueue(`q${i}`);
      await boss.schedule(`q${i}`, cron, { n: i });
    }
    console.log('ready');
    await new Promise(() => {});
  },

  async create(connections, seconds) {
    const boss = await start({ max: Number(connections), supervise: false, schedule: false });
    await boss.createQueue(QUEUE);
    return { per_s: await rate(Number(connections), Number(seconds), (n) => boss.send(QUEUE, { n })) };
  },

  async idle() {
    await start({});
    console.log('ready');
    await new Promise(() => {});
  },
});
