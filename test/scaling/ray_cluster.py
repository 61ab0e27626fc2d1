"""Runs examples/scaling/serve_minilm.py on a Ray of its own, and does what it is told on standard input, one word a line.
Its answers begin with "> ", as Ray prints lines of its own.

replicas      prints how many replicas run
replicas N    serves with that many, and prints "ready" once they do
auto          lets their number follow the work
cpu           prints the seconds of processor that each replica has used, as JSON
kill          ends the process of one replica as the kernel would
"""

import importlib
import json
import os
import signal
import sys
import time

PORT, CPUS, MARK = int(sys.argv[1]), int(sys.argv[2]), os.environ["CLUSTER_MARK"]

import ray
from ray import serve

ray.init(num_cpus=CPUS, include_dashboard=False, log_to_driver=False, object_store_memory=100_000_000)
serve.start(http_options={"host": "127.0.0.1", "port": PORT, "num_cpus": 0})


def deploy(replicas):
    if replicas is None:
        os.environ.pop("REPLICAS", None)
    else:
        os.environ["REPLICAS"] = str(replicas)
    sys.modules.pop("serve_minilm", None)
    app = importlib.import_module("serve_minilm").app
    serve.run(app, name="minilm", route_prefix="/")


def pids():
    """Of the replicas of this cluster: their processes have its mark among their variables."""
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/cmdline", "rb") as file:
                title = file.read()
            with open(f"/proc/{name}/environ", "rb") as file:
                is_ours = MARK.encode() in file.read()
        except OSError:
            continue
        if title.startswith(b"ray::") and b"ServeReplica" in title and is_ours:
            found.append(int(name))
    return sorted(found)


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def running():
    deployment = serve.status().applications["minilm"].deployments["Embeddings"]
    return deployment.replica_states.get("RUNNING", 0)


def say(text):
    print(f"> {text}", flush=True)


say("up")
for line in sys.stdin:
    word, *rest = line.split()
    if word == "replicas" and rest:
        deploy(int(rest[0]))
        while running() != int(rest[0]) or len(pids()) != int(rest[0]):
            time.sleep(0.2)
        say("ready")
    elif word == "auto":
        deploy(None)
        say("ready")
    elif word == "replicas":
        say(str(running()))
    elif word == "cpu":
        say(json.dumps([cpu_seconds(pid) for pid in pids()]))
    elif word == "kill":
        os.kill(pids()[0], signal.SIGKILL)
        say("killed")
serve.shutdown()
ray.shutdown()
