// job.js: what a job of the peers does, and what their programs share.
//
// A job sends the request that extsched sends, with the same headers, to the
// same Runner, over kept connections, and ends after 30 s as extsched's do.

const http = require('http');

// Returns send(n, at): one request for job n with the nominal time at (ISO
// 8601); resolves to the status, rejects when there is no answer.
function sender(url, connections) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: connections });
  const target = new URL('/v1/execute', url);
  return (n, at) => new Promise((resolve, reject) => {
    const id = `${n.toString(16).padStart(8, '0')}-be7c-4000-8000-000000000000`;
    const body = JSON.stringify({
      context: {
        request_id: id, tenant_id: 'acme', extension_id: id, install_id: id, version_id: id,
        content_hash: 'sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
        config: { region: 'eu', level: '3' }, trigger: 'schedule', schedule_id: id, scheduled_for: at, attempt: 1,
      },
      http: {
        method: 'POST', path: '/bench', query: {},
        headers: { 'x-alga-tenant': 'acme', 'x-alga-extension': id },
        body_b64: 'eyJzb3VyY2UiOiAiYXV0by1zZXR1cCJ9',
      },
      limits: { timeout_ms: 30000 },
      providers: ['cap:context.read', 'cap:log.emit', 'cap:scheduler.manage', 'cap:user.read'],
    });
    const request = http.request(target, {
      method: 'POST', agent, timeout: 30000,
      headers: {
        'content-type': 'application/json', 'content-length': Buffer.byteLength(body), 'x-request-id': id,
        'x-idempotency-key': id, 'x-alga-tenant': 'acme', 'x-alga-extension': id,
        'x-extsched-fence': '7300000000000000000.1.42',
      },
    }, (reply) => {
      reply.resume();
      reply.on('end', () => resolve(reply.statusCode));
    });
    request.on('timeout', () => request.destroy(new Error('timeout')));
    request.on('error', reject);
    request.end(body);
  });
}

// Run step(i) for i from 0 in n loops at once for some seconds; steps a second.
async function rate(n, seconds, step) {
  const started = process.hrtime.bigint();
  const elapsed = () => Number(process.hrtime.bigint() - started) / 1e9;
  let done = 0;
  await Promise.all(Array.from({ length: n }, async () => {
    while (elapsed() < seconds) {
      await step(done);
      done += 1;
    }
  }));
  return done / elapsed();
}

// Run the command that the arguments name: node FILE COMMAND [NUMBER ...].
// A command's result is printed as one line of JSON; one that works until it is
// killed prints "ready" before.
function main(commands) {
  const [name, ...values] = process.argv.slice(2);
  commands[name](...values).then(
    (result) => { console.log(JSON.stringify(result ?? null)); if (result !== undefined) process.exit(0); },
    (error) => { console.error(error); process.exit(1); });
}

module.exports = { sender, rate, main };
