"""The scheduler API of an extension: what a Runner's binding does.

A Runner gives extensions the functions of the platform's WIT interface and
forwards each call to the host route (host_route.py) as one HTTP request.  The
rules of this adaptation, which any binding has to follow:

* list, get and get_endpoints are results: they raise SchedulerError with a
  WIT error name.  create, update and delete never do; they return a Mutation.
* A payload and field errors cross the interface as JSON *text*.  The binding
  parses and prints; an empty payload text means JSON null; a text that is no
  JSON is a field error on payload, before any call.
* Field errors are handed on whole, and only keys that the extension set are
  sent: to leave a key out of an update means to keep what is there.
"""

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Optional

# The error names of the WIT interface, by code of the host API.
WIT_ERRORS = {
    "VALIDATION_FAILED": "validation-failed",
    "DENIED": "denied",
    "NOT_FOUND": "not-found",
    "QUOTA_EXCEEDED": "quota-exceeded",
    "RATE_LIMITED": "quota-exceeded",
    "INTERNAL_ERROR": "internal",
}


class SchedulerError(Exception):
    """A failed list, get or get_endpoints.  name is one of WIT_ERRORS."""

    def __init__(self, name, text):
        super().__init__(text)
        self.name = name


@dataclass
class Mutation:
    """What create, update and delete return."""

    success: bool
    schedule_id: Optional[str] = None
    error: Optional[str] = None
    field_errors: Optional[str] = None  # a JSON object, as text


def http_transport(url, token, prefix="x-alga", timeout_s=10):
    """How the binding reaches the host route: call(tenant, install, document)
    gives the decoded answer, or raises OSError or ValueError."""

    def call(tenant, install, document):
        request = urllib.request.Request(
            f"{url}/api/internal/ext-scheduler/install/{install}",
            data=json.dumps(document).encode(),
            headers={
                "content-type": "application/json",
                "x-runner-auth": token,
                f"{prefix}-tenant": tenant,
            })
        try:
            with urllib.request.urlopen(request, timeout=timeout_s) as response:
                return json.load(response)
        except urllib.error.HTTPError as failure:
            with failure:
                return json.load(failure)

    return call


class Scheduler:
    """The scheduler of one install."""

    def __init__(self, call, tenant, install):
        self._call = call
        self._tenant = tenant
        self._install = install

    def list(self):
        schedules = self._query("list")["schedules"]
        return [self._with_payload_text(schedule) for schedule in schedules]

    def get(self, schedule_id):
        """The schedule, or None when the install has none of that id."""
        schedule = self._query("get", scheduleId=schedule_id)["schedule"]
        return self._with_payload_text(schedule) if schedule else None

    def get_endpoints(self):
        return self._query("getEndpoints")["endpoints"]

    def create(self, values):
        return self._change("create", values)

    def update(self, schedule_id, values):
        return self._change("update", values, scheduleId=schedule_id)

    def delete(self, schedule_id):
        return self._change("delete", {}, scheduleId=schedule_id)

    @staticmethod
    def _with_payload_text(schedule):
        payload = schedule["payload"]
        return {**schedule, "payload": None if payload is None else json.dumps(payload)}

    def _send(self, operation, values):
        """The host's answer; what never reached the host is internal."""
        try:
            answer = self._call(self._tenant, self._install, {**values, "operation": operation})
            if not isinstance(answer, dict) or not isinstance(answer.get("success"), bool):
                raise ValueError("the host route answered something else")
            return answer
        except (OSError, ValueError) as error:
            return {"success": False, "code": "INTERNAL_ERROR", "error": str(error)}

    def _query(self, operation, **values):
        answer = self._send(operation, values)
        if not answer["success"]:
            raise SchedulerError(WIT_ERRORS.get(answer.get("code"), "internal"),
                                 answer.get("error") or operation + " failed")
        return answer

    def _change(self, operation, values, **ids):
        values = dict(values)
        if "payload" in values:
            text = values["payload"] or ""
            try:
                values["payload"] = json.loads(text) if text.strip() else None
            except ValueError:
                return Mutation(False, error="the payload is no JSON",
                                field_errors=json.dumps({"payload": "must be JSON"}))
        answer = self._send(operation, {**values, **ids})
        fields = answer.get("fieldErrors")
        return Mutation(answer["success"], answer.get("scheduleId"), answer.get("error"),
                        None if fields is None else json.dumps(fields))
