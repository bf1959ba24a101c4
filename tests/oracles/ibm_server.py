"""A loopback stand-in for IBM's service, for the real client: its wire format, its documented limits, its faults.

Jobs run on a noiseless Aer. A fault is planned for the next request of a kind, and used up by it:

    with IBMServer() as server:
        server.plan("POST /jobs", Fault("lose"))        # the job is created, the answer is cut off
        backend = server.service().backend("ibm_manila")

It shows that the client is used rightly; whether IBM would accept a job it can tell only as far as the limits that
it enforces: instructions of the target, one number of shots, its maximum, executions of a job, tags, open sessions.
"""

import base64
import json
import math
import os
import re
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qs, urlparse

import numpy as np
import qiskit_ibm_runtime

CRN = "crn:v1:bluemix:public:quantum-computing:us-east:a/0123:4567::"
API_KEY = "a-very-secret-api-key"
NAMES = {"ibm_manila": "manila", "ibm_torino": "torino", "ibm_kingston": "kingston"}
MOCK_LATENCY_DT = 3000
"""What the mock devices' scheduler puts between a measurement and what depends on it."""

MOCK_ESTIMATE_S = 3.5
"""What the service expects every job to take, as it says for dry runs."""


@dataclass
class Fault:
    """What goes wrong: ``status``, ``cut`` (half an answer), ``lose`` (done, no answer), ``garbage`` (no JSON).

    ``late`` applies to ``status``: the request is carried out before it is answered with the error.
    """

    kind: str
    code: int = 500
    headers: dict = field(default_factory=dict)
    late: bool = False


class Refusal(Exception):
    """An answer with an error."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class IBMServer:
    """The server, on a port of its own; a context manager."""

    def __init__(self, *, max_executions=10_000_000, max_shots=None, polls=0, names=tuple(NAMES)[:1]):
        self.max_executions, self.max_shots, self.polls, self.names = max_executions, max_shots, polls, names
        self.jobs, self.sessions, self.requests = {}, {}, []
        self.tokens = {"token-1"}
        self.created = 0
        """Jobs so far, those that were deleted too."""
        self.hidden = 0
        """So many listings still miss the latest job."""
        self.page = None
        """Largest page of a listing."""
        self._faults, self._lock = [], threading.Lock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._http.daemon_threads = True
        self._http.owner = self
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        os.environ.update(client_environment(self.url))
        return self

    def __exit__(self, *_):
        self._http.shutdown()
        self._http.server_close()
        for name in client_environment(self.url):
            os.environ.pop(name, None)

    def service(self):
        return connect(self.url)

    def plan(self, what, fault, times=1):
        """Let the next such requests fail: ``"METHOD /path"``, a regular expression of the path."""
        self._faults += [(re.compile(f"{what}$"), fault)] * times

    def fault_for(self, method, path):
        with self._lock:
            for entry in self._faults:
                if entry[0].match(f"{method} {path}"):
                    self._faults.remove(entry)
                    return entry[1]
        return None

    @property
    def faults_left(self):
        return len(self._faults)

    def expire(self):
        """No token is any good from now on."""
        self.tokens = set()

    def answer(self, method, path, query, body):
        """The JSON (or text) that answers a request, under the lock."""
        with self._lock:
            for pattern, name in _ROUTES:
                found = re.fullmatch(pattern, f"{method} {path}")
                if found:
                    return getattr(self, name)(*found.groups(), query=query, body=body)
        raise Refusal(404, f"no such address: {path}")

    # --- routes

    def _backends(self, query, body):
        return {
            "devices": [
                {"name": n, "status": {"name": "online"}, "qubits": 5, "queue_length": 0}
                for n in (*self.names, *(f"mock_{name.partition('_')[2]}" for name in self.names))
            ]
        }

    def _backend(self, name, what, query, body):
        if _device(name) not in self.names:
            raise Refusal(404, f"backend {name} not found")
        if what == "status":
            return {"state": True, "status": "active", "length_queue": len(self.jobs), "backend_version": "1.0.0"}
        told = _stored(_device(name), {"configuration": "conf", "properties": "props"}[what])
        if what == "configuration":
            told = {**told, "backend_name": name, "simulator": False, "local": False}
            if self.max_shots is not None:
                told["max_shots"] = self.max_shots
        return told

    def _usage(self, query, body):
        return {"usage_consumed_seconds": 1, "usage_limit_reached": False}

    def _create_session(self, query, body):
        told = {"id": f"session-{len(self.sessions) + 1}", "accepting_jobs": True, "state": "open", **body}
        told["backend_name"] = body["backend"]
        self.sessions[told["id"]] = told
        return told

    def _session(self, number, query, body):
        if number not in self.sessions:
            raise Refusal(404, f"session {number} not found")
        if body:
            self.sessions[number].update(body)
        return self.sessions[number]

    def _create(self, query, body):
        self._check(body)
        self.created += 1
        number = f"job{self.created:04d}"
        self.jobs[number] = {
            "id": number,
            "backend": body["backend"],
            "tags": body.get("tags", []),
            "program": {"id": body["program_id"]},
            "session_id": body.get("session_id"),
            "created": time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime()),
            "state": {"status": "Queued"},
            "params": body["params"],
            "polls": self.polls,
        }
        if body["backend"].startswith("mock"):
            self.jobs[number]["estimated_running_time_seconds"] = MOCK_ESTIMATE_S
        return {"id": number, "backend": body["backend"]}

    def _check(self, body):
        """The limits that IBM documents."""
        from qiskit_ibm_runtime.quantum_program.params_converters import QUANTUM_PROGRAM_PARAMS_CONVERTERS
        from qiskit_ibm_runtime.utils.utils import is_isa_circuit

        device = _device(body["backend"])
        if body["program_id"] != "executor" or device not in self.names:
            raise Refusal(400, f"cannot run {body['program_id']} on {body['backend']}")
        if not all(isinstance(tag, str) and len(tag) <= 86 for tag in body.get("tags", [])):
            raise Refusal(400, "tags must be strings of at most 86 letters")
        session = body.get("session_id")
        if session and not self.sessions.get(session, {}).get("accepting_jobs"):
            raise Refusal(409, f"session {session} is closed")
        converter = QUANTUM_PROGRAM_PARAMS_CONVERTERS["v2.0"]
        program, _ = converter.decoder(converter.model.model_validate(body["params"]))
        for item in program.items:
            message = is_isa_circuit(item.circuit, _target(device))
            if message:
                raise Refusal(400, message)
        most = self._backend(device, "configuration", None, None)["max_shots"]
        if program.shots > most:
            raise Refusal(400, f"{program.shots} shots, at most {most}")
        executions = sum(_rows(item) * program.shots for item in program.items)
        if executions > self.max_executions:
            raise Refusal(400, f"{executions} executions, at most {self.max_executions}")

    def _list(self, query, body):
        wanted = set(query.get("tags", []))
        found = [j for j in reversed(self.jobs.values()) if wanted <= set(j["tags"])]
        if found and self.hidden > 0:
            self.hidden -= 1
            found = found[1:]
        first, limit = int(query.get("offset", ["0"])[0]), int(query.get("limit", ["20"])[0])
        page = found[first : first + min(limit, self.page or limit)]
        return {"jobs": [_told(j) for j in page], "count": len(found)}

    def _job(self, number, query, body):
        job = self._known(number)
        if job["state"]["status"] == "Queued":
            if job["polls"] <= 0:
                job["state"] = {"status": "Completed"}
            job["polls"] -= 1
        return _told(job)

    def _results(self, number, query, body):
        job = self._known(number)
        if job["state"]["status"] == "Failed":
            return "Traceback: the machine was being calibrated"
        if job["state"]["status"] != "Completed":
            raise Refusal(404, "no results yet")
        if "result" not in job:
            job["result"] = run(job["params"], seed=int(number[3:]), mock=job["backend"].startswith("mock"))
        return job["result"]

    def _metrics(self, number, query, body):
        used = 0 if self._known(number)["backend"].startswith("mock") else 1
        return {"timestamps": {}, "usage": {"status": "complete", "qpu_charge_time_seconds": used}}

    def _cancel(self, number, query, body):
        job = self._known(number)
        if job["state"]["status"] != "Queued":
            raise Refusal(409, "the job is in a final state")
        job["state"] = {"status": "Cancelled"}
        return {}

    def _known(self, number):
        if number not in self.jobs:
            raise Refusal(404, f"job {number} not found")
        return self.jobs[number]


_ROUTES = [
    ("GET /backends", "_backends"),
    ("GET /backends/([^/]+)/(configuration|properties|status)", "_backend"),
    ("GET /instances/usage", "_usage"),
    ("POST /sessions", "_create_session"),
    ("(?:GET|PATCH) /sessions/([^/]+)", "_session"),
    ("POST /jobs", "_create"),
    ("GET /jobs", "_list"),
    ("GET /jobs/([^/]+)", "_job"),
    ("GET /jobs/([^/]+)/results", "_results"),
    ("GET /jobs/([^/]+)/metrics", "_metrics"),
    ("POST /jobs/([^/]+)/cancel", "_cancel"),
]


def client_environment(url):
    """What makes the client speak to this server alone."""
    return {"IAM_URL": url, "QISKIT_FUNCTIONS_EXPERIMENTAL": "1"}


def connect(url, token=API_KEY):
    """The real client, speaking to the server at this address."""
    from qiskit_ibm_runtime import QiskitRuntimeService

    return QiskitRuntimeService(
        channel="ibm_quantum_platform", token=token, instance=CRN, url_resolver=lambda *_: f"{url}/api/v1"
    )


def run(params, seed, mock=False):
    """What a noiseless machine answers to the parameters of an executor job, as the text of a response.

    A mock of a machine answers random bits, and its scheduler's times if they are asked for.
    """
    from ibm_quantum_schemas.common import CompressedTensorModel
    from ibm_quantum_schemas.executor.version_2_0 import models
    from qiskit_aer import AerSimulator
    from qiskit_ibm_runtime.fake_provider.executor.run_quantum_program import run_quantum_program
    from qiskit_ibm_runtime.options_models.simulator import SimulatorOptions
    from qiskit_ibm_runtime.quantum_program.params_converters import QUANTUM_PROGRAM_PARAMS_CONVERTERS

    from quantumlink.rewrites import expanded_circuit

    converter = QUANTUM_PROGRAM_PARAMS_CONVERTERS["v2.0"]
    model = converter.model.model_validate(params)
    program, _ = converter.decoder(model)
    for item in program.items:
        if hasattr(item, "samplex"):
            item.samplex.finalize()
    for item in program.items:  # Aer knows one measurement
        item.circuit = expanded_circuit(item.circuit) if "measure_2" in item.circuit.count_ops() else item.circuit
    found = run_quantum_program(AerSimulator(), program, SimulatorOptions(seed_simulator=seed))
    rng = np.random.default_rng(seed)
    timed = mock and model.options.scheduler_timing
    items = [
        models.QuantumProgramResultItemModel(
            results={
                name: CompressedTensorModel.from_numpy(rng.random(array.shape) < 0.5 if mock else array)
                for name, array in item.items()
            },
            metadata=models.ItemMetadataModel(scheduler_timing=_scheduled(asked.circuit) if timed else None),
        )
        for item, asked in zip(found, program.items, strict=True)
    ]
    return models.QuantumProgramResultModel(
        data=items,
        metadata=models.MetadataModel(chunk_timing=[]),
        passthrough_data=model.quantum_program.passthrough_data,
        semantic_role=model.quantum_program.semantic_role,
    ).model_dump_json()


def _scheduled(circuit):
    """A scheduler's table in the runtime's format: one after the other, 100 dt each, measurements 5,000."""
    rows, now = [], 0
    for number, instruction in enumerate(circuit.data):
        length = 5000 if instruction.name == "measure" else 100
        branch = "main"
        if instruction.name == "if_else":
            branch, now = f"then_{number}", now + MOCK_LATENCY_DT
        rows.append(f"{branch},{instruction.name}_{number},Qubit 0,{now},{length},play")
        now += length
    return {"timing": "\n".join(rows), "circuit_duration": now}


def _device(name):
    """The device whose mock it is, or itself."""
    return name.replace("mock_", "ibm_", 1) if name.startswith("mock_") else name


def _told(job):
    return {key: value for key, value in job.items() if key not in ("params", "result", "polls")}


def _rows(item):
    """Executions of one shot: rows of the table, or of the twirled one."""
    return math.prod(item.shape if hasattr(item, "samplex") else item.circuit_arguments.shape[:-1])


def _stored(name, what):
    folder = Path(qiskit_ibm_runtime.__file__).parent / "fake_provider" / "backends" / NAMES[name]
    return json.loads((folder / f"{what}_{NAMES[name]}.json").read_text())


_TARGETS = {}


def _target(name):
    if name not in _TARGETS:
        from qiskit_ibm_runtime import fake_provider

        fakes = {"ibm_manila": "FakeManilaV2", "ibm_torino": "FakeTorino", "ibm_kingston": "FakeKingston"}
        _TARGETS[name] = getattr(fake_provider, fakes[name])().target
    return _TARGETS[name]


def _jwt(seconds):
    def part(told):
        return base64.urlsafe_b64encode(json.dumps(told).encode()).rstrip(b"=").decode()

    now = int(time.time())
    return f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part({'iat': now, 'exp': now + seconds})}.c2ln"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    silent: ClassVar[bool] = True

    def log_message(self, *_):
        pass

    def do_GET(self):
        self._serve("GET")

    def do_POST(self):
        self._serve("POST")

    def do_PATCH(self):
        self._serve("PATCH")

    def _serve(self, method):
        owner = self.server.owner
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parsed = urlparse(self.path)
        if parsed.path == "/identity/token":
            self._send(200, {"access_token": _jwt(3600), "token_type": "Bearer", "expires_in": 3600})
            return
        path = parsed.path.removeprefix("/api/v1")
        owner.requests.append(f"{method} {path}")
        fault = owner.fault_for(method, path)
        if fault and fault.kind == "status" and not fault.late:
            self._send(fault.code, _problem(fault.code, "planned"), fault.headers)
            return
        try:
            if not owner.tokens or not self.headers.get("Authorization", "").startswith("Bearer "):
                raise Refusal(401, "the token has expired")
            told = owner.answer(method, path, parse_qs(parsed.query), json.loads(raw) if raw else {})
            code = 200
        except Refusal as refusal:
            code, told = refusal.code, _problem(refusal.code, str(refusal))
        except Exception as error:  # said, so that a test does not wait for an answer
            code, told = 400, _problem(400, f"the server itself failed: {type(error).__name__}: {error}")
        if fault and fault.kind == "lose":
            self.close_connection = True
            return
        if fault and fault.kind == "status":
            self._send(fault.code, _problem(fault.code, "planned, too late"), fault.headers)
            return
        if fault and fault.kind == "garbage":
            told = "this is no result"
        self._send(code, told, cut=bool(fault and fault.kind == "cut"))

    def _send(self, code, told, headers=None, cut=False):
        body = (told if isinstance(told, str) else json.dumps(told)).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if cut else body)
        if cut:
            self.close_connection = True


def _problem(code, message):
    return {"errors": [{"code": code, "message": message}], "error": {"code": code, "message": message}}
