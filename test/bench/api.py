"""The write side: create through both faces, and lists."""

from server import Server

INSTALL = "md5('1 1')::uuid"
CREATE = f"SELECT extsched_create('t1', {INSTALL}, 'POST /bench', '0 3 * * *');"
CREATE_EACH_ITS_OWN = """SELECT extsched_create('t' || :client_id + 1, md5(:client_id + 1 || ' 1')::uuid,
                                                'POST /bench', '0 3 * * *');"""
HOST_CREATE = """\\set t random(1, 64)
SELECT extsched_host('t' || :t, md5(:t || ' 1')::uuid, 'create', '{"endpoint":"POST /bench","cron":"0 3 * * *"}');"""


def create_list_install(server):
    """An install with 50 schedules."""
    server.sql("""SELECT extsched_install('list', md5('list')::uuid, 'be7c0000-0000-4000-8000-000000000001',
                                          '{cap:scheduler.manage}');
                  SELECT count(extsched_create('list', md5('list')::uuid, 'POST /bench', '0 3 1 1 *', 'UTC',
                                               'schedule ' || n, '{"source": "bench"}'))
                    FROM generate_series(1, 50) AS n; ANALYZE""")


def list_ms(server):
    """Milliseconds of a list of them."""
    return 1000 / server.pgbench("SELECT extsched_host('list', md5('list')::uuid, 'list');", 1, 3)


def creates(seconds=10):
    """Creates a second, asynchronous commit, all rules enforced but the limits."""
    with Server({"synchronous_commit": "off"}) as server:
        server.install_tenants(64)
        # A server that was just made still writes its first WAL segments anew.
        server.pgbench(HOST_CREATE, 2, 5)
        figures = {
            "sql_1_connection": server.pgbench(CREATE, 1, seconds),
            "sql_8_connections": server.pgbench(CREATE_EACH_ITS_OWN, 8, seconds),
            "host_1_connection": server.pgbench(HOST_CREATE, 1, seconds),
            "host_4_connections": server.pgbench(HOST_CREATE, 4, seconds),
            "host_8_connections": server.pgbench(HOST_CREATE, 8, seconds),
        }
        create_list_install(server)
        figures["list_of_50_ms"] = list_ms(server)
        return figures
