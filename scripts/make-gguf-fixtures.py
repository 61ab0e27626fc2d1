"""Makes the GGUF files of test/models/fixtures/gguf: random weights from a fixed seed, so that a run gives the same bytes.

They run every path of the engine and mean nothing. Any text tokenises: the generators have a token for every byte, the
encoders one for every printable ASCII character, and [UNK].

usage: python -m venv /tmp/venv && /tmp/venv/bin/pip install gguf==0.19.0 && /tmp/venv/bin/python scripts/make-gguf-fixtures.py
"""

import pathlib
import string

import gguf
import numpy as np

FOLDER = pathlib.Path(__file__).parent.parent / "test" / "models" / "fixtures" / "gguf"
WIDTH, LAYERS, HEADS, FEED_FORWARD = 32, 2, 4, 64

# What a generator is pushed towards, so that texts under a grammar come to an end: the weight that its first, nearly
# constant feature adds to the token.
LEANING = {"</s>": 0.02, "<|im_end|>": 0.02, '"': 0.12, "}": 0.1, "]": 0.1, ",": 0.03, "▁": 0.03}

# The shape of the templates of models that think unless told not to.
CHAT_TEMPLATE = """{%- for message in messages %}
{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
{{- '<|im_start|>assistant\\n' }}
{%- if enable_thinking is defined and enable_thinking is false %}
{{- '<think>\\n\\n</think>\\n\\n' }}
{%- endif %}
{%- endif %}"""

NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6


class Random:
    """Numbers that any version of numpy gives alike."""

    def __init__(self, seed):
        self.generator = np.random.Generator(np.random.PCG64(seed))

    def matrix(self, *shape, scale=None):
        scale = scale or 1 / np.sqrt(shape[-1])
        return (self.generator.random(shape) * 2 - 1).astype(np.float32) * np.float32(scale * 1.7)


def generator_tokens(extra):
    """Tokens, scores and kinds of a sentencepiece vocabulary with byte fallback."""
    words = ["the", "and", "was", "in", "on", "a", "to", "of", "it", "he", "she", "true", "false", "null", "yes", "no"]
    pieces = ["▁"] + [c for c in string.printable.strip()] + [f"▁{word}" for word in words] + words[11:]
    tokens = [("<unk>", 0.0, UNKNOWN), ("<s>", 0.0, CONTROL), ("</s>", 0.0, CONTROL)]
    tokens += [(f"<0x{byte:02X}>", 0.0, BYTE) for byte in range(256)]
    # Longer pieces first, as merges are chosen by score; the pieces that lead to them score lower but exist.
    steps = {word[:end] for piece in pieces if len(piece) > 1 for word in [piece] for end in range(2, len(piece))}
    tokens += [(piece, -float(at), NORMAL) for at, piece in enumerate(sorted({*pieces, *steps}, key=lambda p: (-len(p), p)))]
    tokens += [(text, 0.0, CONTROL) for text in extra]
    return tokens


def write_generator(name, seed, *, extra=(), template=None, title="Tiny generator", context=2048):
    random = Random(seed)
    tokens = generator_tokens(extra)
    texts = [text for text, _, _ in tokens]
    writer = gguf.GGUFWriter(str(FOLDER / name), "llama")
    writer.add_name(title)
    writer.add_license("Apache-2.0")
    writer.add_context_length(context)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS // 2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(texts)
    writer.add_token_scores([score for _, score, _ in tokens])
    writer.add_token_types([kind for _, _, kind in tokens])
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(texts.index("<|im_end|>") if "<|im_end|>" in texts else 2)
    writer.add_add_bos_token(template is None)
    writer.add_add_eos_token(False)
    if template is not None:
        writer.add_chat_template(template)

    embedding = random.matrix(len(tokens), WIDTH)
    embedding[:, 0] = 1.0
    output = random.matrix(len(tokens), WIDTH)
    output[:, 0] = [LEANING.get(text, 0.0) * 20 for text in texts]
    # Bytes are the last resort: texts would be mostly broken characters.
    output[3:259, 0] = -4.0
    writer.add_tensor("token_embd.weight", embedding)
    writer.add_tensor("output_norm.weight", np.ones(WIDTH, dtype=np.float32))
    writer.add_tensor("output.weight", output)
    small = WIDTH // 2
    for layer in range(LAYERS):
        prefix = f"blk.{layer}"
        writer.add_tensor(f"{prefix}.attn_norm.weight", np.ones(WIDTH, dtype=np.float32))
        writer.add_tensor(f"{prefix}.attn_q.weight", random.matrix(WIDTH, WIDTH))
        writer.add_tensor(f"{prefix}.attn_k.weight", random.matrix(small, WIDTH))
        writer.add_tensor(f"{prefix}.attn_v.weight", random.matrix(small, WIDTH))
        mixed = random.matrix(WIDTH, WIDTH)
        mixed[0, :] = 0.0
        writer.add_tensor(f"{prefix}.attn_output.weight", mixed)
        writer.add_tensor(f"{prefix}.ffn_norm.weight", np.ones(WIDTH, dtype=np.float32))
        writer.add_tensor(f"{prefix}.ffn_gate.weight", random.matrix(FEED_FORWARD, WIDTH))
        writer.add_tensor(f"{prefix}.ffn_up.weight", random.matrix(FEED_FORWARD, WIDTH))
        down = random.matrix(WIDTH, FEED_FORWARD)
        down[0, :] = 0.0
        writer.add_tensor(f"{prefix}.ffn_down.weight", down)
    finish(writer)


def write_encoder(name, seed, *, pooling, title, context=64):
    random = Random(seed)
    letters = [c for c in string.printable.strip() if not c.isupper()]
    words = ["cat", "dog", "house", "tree", "river", "the", "in"]
    # The converters write words with "▁" before and their continuations without "##".
    texts = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + [f"▁{text}" for text in letters + words] + letters
    writer = gguf.GGUFWriter(str(FOLDER / name), "bert")
    writer.add_name(title)
    writer.add_license("Apache-2.0")
    writer.add_context_length(context)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_layer_norm_eps(1e-12)
    writer.add_causal_attention(False)
    writer.add_pooling_type(pooling)
    writer.add_vocab_size(len(texts))
    writer.add_tokenizer_model("bert")
    writer.add_token_type_count(2)
    writer.add_token_list(texts)
    writer.add_token_types([CONTROL] * 5 + [NORMAL] * (len(texts) - 5))
    writer.add_pad_token_id(0)
    writer.add_unk_token_id(1)
    writer.add_bos_token_id(2)
    writer.add_sep_token_id(3)
    writer.add_mask_token_id(4)

    def linear(key, rows, columns):
        writer.add_tensor(f"{key}.weight", random.matrix(rows, columns))
        writer.add_tensor(f"{key}.bias", random.matrix(rows, scale=0.1))

    def norm(key):
        writer.add_tensor(f"{key}.weight", np.ones(WIDTH, dtype=np.float32))
        writer.add_tensor(f"{key}.bias", np.zeros(WIDTH, dtype=np.float32))

    writer.add_tensor("token_embd.weight", random.matrix(len(texts), WIDTH))
    writer.add_tensor("token_types.weight", random.matrix(2, WIDTH, scale=0.05))
    writer.add_tensor("position_embd.weight", random.matrix(context, WIDTH, scale=0.1))
    norm("token_embd_norm")
    for layer in range(LAYERS):
        prefix = f"blk.{layer}"
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            linear(f"{prefix}.{part}", WIDTH, WIDTH)
        norm(f"{prefix}.attn_output_norm")
        linear(f"{prefix}.ffn_up", FEED_FORWARD, WIDTH)
        linear(f"{prefix}.ffn_down", WIDTH, FEED_FORWARD)
        norm(f"{prefix}.layer_output_norm")
    if pooling == gguf.PoolingType.RANK:
        linear("cls", WIDTH, WIDTH)
        linear("cls.output", 1, WIDTH)
    finish(writer)


def finish(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


FOLDER.mkdir(parents=True, exist_ok=True)
CHAT_TOKENS = ["<|im_start|>", "<|im_end|>", "<think>", "</think>"]
write_generator("tiny-generator.gguf", 1)
write_generator("tiny-chat.gguf", 2, extra=CHAT_TOKENS, template=CHAT_TEMPLATE, title="Tiny chat")
write_generator("tiny-yes-no-reranker.gguf", 3, extra=CHAT_TOKENS, template=CHAT_TEMPLATE, title="Tiny yes-no Reranker", context=512)
write_encoder("tiny-embedder.gguf", 4, pooling=gguf.PoolingType.MEAN, title="Tiny embedder")
write_encoder("tiny-reranker.gguf", 5, pooling=gguf.PoolingType.RANK, title="Tiny cross-encoder")
