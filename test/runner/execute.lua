-- A realistic execute request for wrk: a heartbeat with a small payload, as
-- extsched sends it.  Ids and key change with each request.
-- EXECUTE_PATH names the inner endpoint (default /bench).

local path = os.getenv("EXECUTE_PATH") or "/bench"
local count = 0

local body = [[{"context":{"request_id":"%s","tenant_id":"acme","extension_id":"5f3b0c1e-8a2d-4c6f-9b1a-2d3e4f506172","install_id":"0c9d8e7f-6a5b-4c3d-8e1f-a0b1c2d3e4f5","version_id":"1b2c3d4e-5f60-4718-8293-a4b5c6d7e8f9","content_hash":"sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","config":{"region":"eu","level":"3"},"trigger":"schedule","schedule_id":"7d0e9c8b-1a2f-4e3d-9c4b-5a6978877665","scheduled_for":"2026-01-02T03:05:00.000Z","attempt":1},"http":{"method":"POST","path":"%s","query":{},"headers":{"x-alga-tenant":"acme","x-alga-extension":"5f3b0c1e-8a2d-4c6f-9b1a-2d3e4f506172"},"body_b64":"eyJzb3VyY2UiOiAiYXV0by1zZXR1cCJ9"},"limits":{"timeout_ms":30000},"providers":["cap:context.read","cap:log.emit","cap:scheduler.manage","cap:user.read"]}]]

-- The text of a request in the pieces around its ids: joining them costs wrk
-- far less than wrk.format() does, and wrk shares the machine with the Runner.
local pieces

function init(args)
	math.randomseed(os.time())
	local part = string.format("-%04x-4000-8000-000000000000", math.random(0, 0xffff))
	local mark = string.rep("@", 36)
	local text = wrk.format("POST", "/v1/execute", {
		["content-type"] = "application/json",
		["x-request-id"] = mark,
		["x-idempotency-key"] = mark,
		["x-alga-tenant"] = "acme",
		["x-alga-extension"] = "5f3b0c1e-8a2d-4c6f-9b1a-2d3e4f506172",
		["x-extsched-fence"] = "7300000000000000000.1.42",
	}, string.format(body, mark, path))

	pieces = {}
	for piece in (text .. mark):gmatch("(.-)" .. mark) do
		pieces[#pieces + 1] = piece
	end
	pieces.part = part
end

function request()
	count = count + 1
	return table.concat(pieces, string.format("%08x", count) .. pieces.part)
end
