"""The scheduler-demo extension: an example of what a plugin's author writes.

It has two endpoints that are worth scheduling, and three that manage its own
schedules through the platform's scheduler API.  All five go to one handler,
handle(), as manifest.json says.

An extension sees only its request and a host: host.scheduler (the API of
binding.py) and host.log(level, text).  It knows neither the database nor how
the platform reaches it.
"""

import json
import urllib.parse
from dataclasses import dataclass, field
from datetime import datetime, timezone

from binding import SchedulerError

BUILD = "scheduler-demo 0.1.0"

# What setup wants to be there.  A schedule of the same name or path counts.
WANTED_SCHEDULES = [
    {
        "name": "Heartbeat Check",
        "method": "POST",
        "path": "/api/heartbeat",
        "cron": "*/5 * * * *",
        "timezone": "UTC",
        "payload": {"source": "auto-setup"},
    },
    {
        "name": "Daily Status Check",
        "method": "GET",
        "path": "/api/status",
        "cron": "0 9 * * *",
        "timezone": "America/New_York",
    },
]


@dataclass
class Request:
    method: str
    path: str
    tenant: str
    extension: str
    query: dict = field(default_factory=dict)
    body: bytes = b""

    def json(self):
        """The body as an object; an empty one when it is none."""
        try:
            value = json.loads(self.body)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}


@dataclass
class Response:
    status: int
    body: dict


def handle(request, host):
    """Answer any request; never raises."""
    try:
        return route(request, host)
    except Exception as error:  # a handler that dies would look like a broken Runner
        log(host, "error", f"handler failed: {error}")
        return Response(500, {"error": "handler_failed", "message": str(error)})


def route(request, host):
    method, path = effective_method(request), request.path.rstrip("/") or "/"
    if (method, path) == ("GET", "/api/status"):
        return status(request)
    if (method, path) == ("POST", "/api/heartbeat"):
        return heartbeat(request, host)
    if (method, path) == ("POST", "/api/setup"):
        return setup(host)
    if (method, path) == ("GET", "/api/schedules"):
        return list_schedules(host)
    if method == "DELETE" and (path + "/").startswith("/api/schedules/"):
        return delete_schedule(urllib.parse.unquote(path[len("/api/schedules/"):]), host)
    return Response(404, {"error": "not_found", "method": method, "path": request.path})


def effective_method(request):
    """The method; a POST may name another one as __method, in the query or the
    body, for callers that can only GET and POST."""
    method = request.method.upper()
    if method == "POST":
        override = request.query.get("__method") or request.json().get("__method")
        if isinstance(override, str) and override:
            return override.upper()
    return method


def status(request):
    return Response(200, {
        "status": "healthy",
        "timestamp": now(),
        "tenant": request.tenant,
        "extension": request.extension,
        "build": BUILD,
    })


def heartbeat(request, host):
    source = request.json().get("source", "unknown")
    log(host, "info", f"heartbeat from {source}")
    return Response(200, {
        "event": "heartbeat",
        "timestamp": now(),
        "tenant": request.tenant,
        "message": f"heartbeat received from {source}",
        "build": BUILD,
    })


def setup(host):
    """Create the wanted schedules that are not there.  Doing it again changes
    nothing, so that an extension may run it at every start."""
    endpoints = endpoint_ids(host)
    existing = existing_schedules(host)
    results = [set_up(wanted, endpoints, existing, host) for wanted in WANTED_SCHEDULES]
    failed = sum(not result["success"] for result in results)
    message = f"{failed} of {len(results)} schedules failed" if failed else "setup is complete"
    return Response(207 if failed else 200, {"message": message, "results": results})


def endpoint_ids(host):
    """Endpoint ids by (method, path); none when they cannot be had, and setup
    then names endpoints by method and path."""
    try:
        return {(e["method"], e["path"]): e["id"] for e in host.scheduler.get_endpoints()}
    except SchedulerError as error:
        log(host, "warn", f"no endpoints: {error}")
        return {}


def existing_schedules(host):
    try:
        return host.scheduler.list()
    except SchedulerError as error:
        log(host, "warn", f"no list of schedules: {error}")
        return []


def set_up(wanted, endpoints, existing, host):
    for schedule in existing:
        if schedule["name"] == wanted["name"] or schedule["endpointPath"] == wanted["path"]:
            return {"name": wanted["name"], "success": True, "scheduleId": schedule["id"],
                    "note": "was there already"}
    key = (wanted["method"], wanted["path"])
    values = {
        "endpoint": endpoints.get(key, " ".join(key)),
        "cron": wanted["cron"],
        "timezone": wanted["timezone"],
        "enabled": True,
        "name": wanted["name"],
    }
    if "payload" in wanted:
        values["payload"] = json.dumps(wanted["payload"])
    created = host.scheduler.create(values)
    if created.success:
        log(host, "info", f"created schedule {wanted['name']}")
        return {"name": wanted["name"], "success": True, "scheduleId": created.schedule_id}
    result = {"name": wanted["name"], "success": False, "error": created.error}
    if created.field_errors is not None:
        result["fieldErrors"] = json.loads(created.field_errors)
    return result


def list_schedules(host):
    try:
        schedules = host.scheduler.list()
    except SchedulerError as error:
        return Response(500, {"error": "list_failed", "message": str(error)})
    for schedule in schedules:
        if schedule["payload"] is not None:
            schedule["payload"] = json.loads(schedule["payload"])
    return Response(200, {"count": len(schedules), "schedules": schedules})


def delete_schedule(schedule_id, host):
    if not schedule_id:
        return Response(400, {"error": "invalid_request", "message": "the schedule's id is missing"})
    try:
        deleted = host.scheduler.delete(schedule_id)
    except SchedulerError as error:
        return Response(500, {"error": "delete_error", "message": str(error)})
    if not deleted.success:
        return Response(400, {"error": "delete_failed", "message": deleted.error})
    return Response(200, {"success": True, "scheduleId": schedule_id})


def log(host, level, text):
    """Log, and go on when that fails: no answer depends on a log line."""
    try:
        host.log(level, text)
    except Exception:
        pass


def now():
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
