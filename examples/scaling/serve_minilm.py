"""Vectors of all-MiniLM-L6-v2 on a Ray cluster, by the API of OpenAI, served by as many replicas as the work needs.

    pip install -r requirements.txt
    export MODEL_DIR=.../all-MiniLM-L6-v2       # what `lamplighter models path` prints, readable on each node
    serve run serve_minilm:app                  # here; on a cluster: serve deploy, or a RayService
    OPENAI_BASE_URL=http://127.0.0.1:8000/v1 lamplighter worker --functions embed --embed-model openai/all-MiniLM-L6-v2

REPLICAS=2 serves with two replicas; without it their number follows the requests that wait.
"""

import base64
import os
import threading

import numpy as np
import onnxruntime
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field
from ray import serve
from tokenizers import Tokenizer

NAME = "all-MiniLM-L6-v2"
FOLDER = os.environ.get("MODEL_DIR", ".")
REPLICAS = os.environ.get("REPLICAS")
# Otherwise it would divide texts among all cores, also those of other replicas.
os.environ["TOKENIZERS_PARALLELISM"] = "false"
# Calls of one replica: one runs, and the next one is ready when it ends.
AT_HAND = 2

api = FastAPI()


class Ask(BaseModel):
    model: str
    input: str | list[str] = Field(min_length=1)
    encoding_format: str = "float"


scale = (
    {"num_replicas": int(REPLICAS)}
    if REPLICAS
    else {
        "autoscaling_config": {
            "min_replicas": 1,
            "max_replicas": int(os.environ.get("MAX_REPLICAS", "8")),
            "target_ongoing_requests": 1,
            "upscale_delay_s": 3,
            "downscale_delay_s": float(os.environ.get("DOWNSCALE_DELAY_S", "60")),
        }
    }
)


# Beyond max_queued_requests it answers 503 without charge: the worker waits, and asks again.
@serve.deployment(
    ray_actor_options={"num_cpus": float(os.environ.get("REPLICA_CPUS", "1"))},
    max_ongoing_requests=AT_HAND,
    max_queued_requests=64,
    health_check_period_s=2,
    graceful_shutdown_timeout_s=20,
    **scale,
)
@serve.ingress(api)
class Embeddings:
    def __init__(self):
        # One call computes at a time, in one thread: each replica uses one core, as Ray counts.
        self.turn = threading.Lock()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            os.path.join(FOLDER, "onnx", "model.onnx"), options, providers=["CPUExecutionProvider"]
        )
        self.inputs = [given.name for given in self.session.get_inputs()]
        self.tokenizer = Tokenizer.from_file(os.path.join(FOLDER, "tokenizer.json"))
        self.tokenizer.enable_truncation(max_length=256)
        self.tokenizer.no_padding()

    def embed(self, texts):
        """Vectors of length 1, and how many tokens were read. Texts of like length go together, as each is padded to the longest."""
        encoded = self.tokenizer.encode_batch(texts)
        vectors = np.empty((len(texts), 384), dtype=np.float32)
        order = sorted(range(len(texts)), key=lambda at: len(encoded[at].ids))
        for start in range(0, len(order), 16):
            batch = order[start : start + 16]
            longest = max(len(encoded[at].ids) for at in batch)
            ids = np.zeros((len(batch), longest), dtype=np.int64)
            mask = np.zeros((len(batch), longest), dtype=np.int64)
            for row, at in enumerate(batch):
                length = len(encoded[at].ids)
                ids[row, :length] = encoded[at].ids
                mask[row, :length] = 1
            given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
            hidden = self.session.run(None, {name: given[name] for name in self.inputs})[0]
            weights = mask[:, :, None].astype(np.float32)
            pooled = (hidden * weights).sum(axis=1) / weights.sum(axis=1)
            vectors[batch] = pooled / np.linalg.norm(pooled, axis=1, keepdims=True)
        return vectors, sum(len(one.ids) for one in encoded)

    # Not async: it computes, and must not hold up the answers to health checks.
    @api.post("/v1/embeddings")
    def embeddings(self, ask: Ask):
        if ask.model != NAME:
            raise HTTPException(404, {"message": f"The model {ask.model} does not exist"})
        texts = [ask.input] if isinstance(ask.input, str) else ask.input
        with self.turn:
            vectors, tokens = self.embed(texts)
        is_base64 = ask.encoding_format == "base64"
        return {
            "object": "list",
            "model": NAME,
            "data": [
                {
                    "object": "embedding",
                    "index": at,
                    "embedding": base64.b64encode(vector.tobytes()).decode() if is_base64 else vector.tolist(),
                }
                for at, vector in enumerate(vectors)
            ],
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        }

    @api.get("/v1/models")
    def models(self):
        return {"object": "list", "data": [{"id": NAME, "object": "model", "owned_by": "ray-serve"}]}


app = Embeddings.bind()
