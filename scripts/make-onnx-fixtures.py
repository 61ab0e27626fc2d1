"""Makes the ONNX models that the tests run: a few kilobytes each, random weights, every way in which embedding models differ.

What the models should answer is computed with numpy from the same weights, with the tokenizers of Rust, and with Pillow for images, so it
says nothing about onnxruntime or about Lamplighter. The seed is fixed: running it again with the same packages gives the same files.

usage: pip install onnx==1.23.2 onnxruntime==1.31.1 numpy tokenizers==0.23.3 pillow==13.0.0 && python scripts/make-onnx-fixtures.py
"""

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from onnxruntime.quantization import QuantType, quantize_dynamic
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

ROOT = Path(__file__).parent.parent / "test" / "models" / "fixtures" / "onnx"
HIDDEN, HEADS, INNER, POSITIONS = 16, 2, 32, 48
TEXTS = [
    "lamp",
    "A queue hands each job to exactly one worker.",
    "The lighthouse keeper climbed the stairs at dusk to light the lamp.",
    "Vacuum reclaims the space of rows that no transaction can see any more, and sourdough needs a starter that is fed with flour and "
    "water each day, so whales breathe air and kettles are descaled with vinegar every few months or so.",
    "caf\u00e9 na\u00efve \u6771\u4eac \U0001f642 tab\tand\nline",
    "  spaces   around  ",
    "unseen xylophone quizzes 0123456789 !?",
]
QUERY = "Why do whales come up?"


def make_tokenizer(kind):
    corpus = [text.lower() for text in TEXTS] * 3 + [QUERY.lower()] * 3
    if kind == "wordpiece":
        words = sorted({word for text in corpus for word in "".join(c if c.isalnum() else f" {c} " for c in text).split()})
        pieces = [w for w in words if w.isascii() and len(w) > 2][:90]
        letters = [chr(c) for c in range(33, 127) if not chr(c).isupper()]
        vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{c}" for c in letters if c.isalnum()), "##ing", "##s", *pieces]
        tokenizer = Tokenizer(models.WordPiece({token: at for at, token in enumerate(dict.fromkeys(vocab))}, unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.decoder = decoders.WordPiece()
        tokenizer.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
        tokenizer.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]",
            pair="[CLS] $A [SEP] $B:1 [SEP]:1",
            special_tokens=[("[CLS]", tokenizer.token_to_id("[CLS]")), ("[SEP]", tokenizer.token_to_id("[SEP]"))],
        )
        return tokenizer
    if kind == "unigram":
        # By hand: the trainer gives other pieces each time.
        words = sorted({word for text in corpus for word in text.split()})
        pieces = dict.fromkeys(["\u2581", *(f"\u2581{w}" for w in words), *(w[-3:] for w in words if len(w) > 4), *sorted({c for w in words for c in w})])
        scored = [(piece, -4.0 - at / 50 - (8 if len(piece) == 1 else 0)) for at, piece in enumerate(pieces)]
        tokenizer = Tokenizer(models.Unigram([("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *scored[:180]], unk_id=3))
        tokenizer.normalizer = normalizers.NFKC()
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        tokenizer.decoder = decoders.Metaspace()
        tokenizer.add_special_tokens(["<s>", "<pad>", "</s>", "<unk>"])
        tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=False)
        return tokenizer
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    special = ["<|start|>", "<|end|>"]
    tokenizer.train_from_iterator(
        corpus, trainers.BpeTrainer(vocab_size=330, special_tokens=special, initial_alphabet=alphabet, show_progress=False)
    )
    template = {"bpe-end": "$A <|end|>", "bpe-both": "<|start|> $A <|end|>"}[kind]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=template, pair=f"{template} $B", special_tokens=[("<|start|>", 0), ("<|end|>", 1)]
    )
    return tokenizer


class Weights:
    """Random weights, and the same transformer once as a graph and once in numpy."""

    def __init__(self, seed, vocabulary, out=None):
        random = np.random.default_rng(seed)
        make = lambda *shape: (random.standard_normal(shape) / np.sqrt(shape[0])).astype(np.float32)
        self.w = {
            "tokens": random.standard_normal((vocabulary, HIDDEN)).astype(np.float32),
            "positions": (random.standard_normal((POSITIONS, HIDDEN)) / 4).astype(np.float32),
            "types": random.standard_normal((2, HIDDEN)).astype(np.float32),
            **{name: make(HIDDEN, HIDDEN) for name in ("query", "key", "value", "mix")},
            "up": make(HIDDEN, INNER),
            "down": make(INNER, HIDDEN),
            "scale": np.ones(HIDDEN, np.float32),
            "shift": make(HIDDEN),
            **({} if out is None else {"out": make(HIDDEN, out)}),
        }

    def states(self, ids, types, is_causal):
        w = {name: value.astype(np.float64) for name, value in self.w.items()}
        norm = lambda x: (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5) * w["scale"] + w["shift"]
        n, size = len(ids), HIDDEN // HEADS
        x = norm(w["tokens"][ids] + w["positions"][:n] + (w["types"][types] if types is not None else 0))
        split = lambda y: y.reshape(n, HEADS, size).transpose(1, 0, 2)
        scores = split(x @ w["query"]) @ split(x @ w["key"]).transpose(0, 2, 1) / np.sqrt(size)
        if is_causal:
            scores = np.where(np.tril(np.ones((n, n))) > 0, scores, -1e9)
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        shares /= shares.sum(-1, keepdims=True)
        x = norm(x + (shares @ split(x @ w["value"])).transpose(1, 0, 2).reshape(n, HIDDEN) @ w["mix"])
        return norm(x + np.maximum(x @ w["up"], 0) @ w["down"])

    def graph(self, inputs, output, is_causal=False):
        """`output`: last_hidden_state, sentence_embedding (mean, then a dense layer), text_embeds (at the end token) or logits."""
        nodes, constants = [], []
        number = 0

        def constant(value, name=None):
            nonlocal number
            number += 1
            name = name or f"c{number}"
            constants.append(numpy_helper.from_array(np.asarray(value), name))
            return name

        def op(kind, *of, to=None, **attributes):
            nonlocal number
            number += 1
            to = to or f"v{number}"
            nodes.append(helper.make_node(kind, list(of), [to], **attributes))
            return to

        for name, value in self.w.items():
            if name == "types" and "token_type_ids" not in inputs:
                continue
            constant(value, f"w.{name}")
        norm = lambda x: op("LayerNormalization", x, "w.scale", "w.shift", axis=-1, epsilon=1e-5)
        split = lambda x, order: op("Transpose", op("Reshape", x, shape), perm=order)
        shape = constant(np.array([0, 0, HEADS, HIDDEN // HEADS], np.int64))
        length = op("Slice", op("Shape", "input_ids"), constant(np.array([1], np.int64)), constant(np.array([2], np.int64)))
        scalar = op("Squeeze", length)
        zero, one = constant(np.int64(0)), constant(np.int64(1))
        places = op("Range", zero, scalar, one)
        x = op("Gather", "w.tokens", "input_ids")
        x = op("Add", x, op("Gather", "w.positions", "position_ids" if "position_ids" in inputs else places))
        if "token_type_ids" in inputs:
            x = op("Add", x, op("Gather", "w.types", "token_type_ids"))
        x = norm(x)
        q = split(op("MatMul", x, "w.query"), [0, 2, 1, 3])
        k = split(op("MatMul", x, "w.key"), [0, 2, 3, 1])
        v = split(op("MatMul", x, "w.value"), [0, 2, 1, 3])
        scores = op("Mul", op("MatMul", q, k), constant(np.float32(1 / np.sqrt(HIDDEN // HEADS))))
        if "attention_mask" in inputs:
            nodes.append(helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT))
            hidden = op("Mul", op("Sub", constant(np.float32(1)), "mask"), constant(np.float32(-1e9)))
            scores = op("Add", scores, op("Unsqueeze", hidden, constant(np.array([1, 2], np.int64))))
        if is_causal:
            rows = op("Unsqueeze", places, constant(np.array([1], np.int64)))
            later = op("Greater", op("Unsqueeze", places, constant(np.array([0], np.int64))), rows)
            scores = op("Where", later, constant(np.float32(-1e9)), scores)
        x2 = op("Transpose", op("MatMul", op("Softmax", scores, axis=-1), v), perm=[0, 2, 1, 3])
        x2 = op("Reshape", x2, constant(np.array([0, 0, HIDDEN], np.int64)))
        x = norm(op("Add", x, op("MatMul", x2, "w.mix")))
        x = norm(op("Add", x, op("MatMul", op("Relu", op("MatMul", x, "w.up")), "w.down")))
        results = []
        if output == "last_hidden_state":
            op("Identity", x, to="last_hidden_state")
            results = [("last_hidden_state", ["batch", "length", HIDDEN])]
        elif output == "sentence_embedding":
            weight = op("Unsqueeze", "mask", constant(np.array([2], np.int64)))
            axis = constant(np.array([1], np.int64))
            total = op("ReduceSum", op("Mul", x, weight), axis, keepdims=0)
            mean = op("Div", total, op("ReduceSum", weight, axis, keepdims=0))
            op("Identity", x, to="token_embeddings")
            op("Tanh", op("MatMul", mean, "w.out"), to="sentence_embedding")
            results = [("token_embeddings", ["batch", "length", HIDDEN]), ("sentence_embedding", ["batch", self.w["out"].shape[1]])]
        elif output == "text_embeds":
            end = op("ArgMax", "input_ids", axis=1, keepdims=1)
            at = op("GatherND", x, end, batch_dims=1)
            op("MatMul", at, "w.out", to="text_embeds")
            op("Identity", x, to="last_hidden_state")
            results = [("text_embeds", ["batch", self.w["out"].shape[1]]), ("last_hidden_state", ["batch", "length", HIDDEN])]
        else:
            first = op("Gather", x, constant(np.int64(0)), axis=1)
            op("MatMul", first, "w.out", to="logits")
            results = [("logits", ["batch", self.w["out"].shape[1]])]
        graph = helper.make_graph(
            nodes,
            "tiny",
            [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "length"]) for name in inputs],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, dims) for name, dims in results],
            constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(model, full_check=True)
        return model


def write(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False) + "\n", encoding="utf-8")


def unit(vector):
    return [round(float(value), 9) for value in vector / np.linalg.norm(vector)]


def encode(tokenizer, text, limit, pair=None):
    tokenizer.no_padding()
    tokenizer.enable_truncation(limit, strategy="longest_first")
    encoding = tokenizer.encode(text) if not pair else tokenizer.encode(text, pair)
    tokenizer.no_truncation()
    return encoding.ids, encoding.type_ids


def embedder(name, kind, seed, pooling, inputs, limit, *, is_causal=False, output="last_hidden_state", out=None, prompts=None):
    folder = ROOT / name
    tokenizer = make_tokenizer(kind)
    weights = Weights(seed, tokenizer.get_vocab_size(), out)
    model = weights.graph(inputs, output, is_causal)
    (folder / "onnx").mkdir(parents=True)
    onnx.save(model, folder / "onnx" / "model.onnx")
    pad = tokenizer.token_to_id("[PAD]" if kind == "wordpiece" else "<pad>" if kind == "unigram" else "<|end|>")

    def vector_of(text):
        ids, types = encode(tokenizer, text, limit)
        states = weights.states(ids, types if "token_type_ids" in inputs else None, is_causal)
        if output == "text_embeds":
            return states[int(np.argmax(ids))] @ weights.w["out"].astype(np.float64)
        if output == "sentence_embedding":
            return np.tanh(states.mean(0) @ weights.w["out"].astype(np.float64))
        return {"mean": states.mean(0), "cls": states[0], "last": states[-1]}[pooling]

    answers = []
    for text in TEXTS:
        ids, _ = encode(tokenizer, text, limit)
        answers.append({"text": text, "ids": ids, "vector": unit(vector_of(text))})
    expected = {"maxTokens": limit, "dimensions": len(answers[0]["vector"]), "texts": answers}
    if prompts:
        expected["prompts"] = {key: unit(vector_of(prompt + TEXTS[1])) for key, prompt in prompts.items()}
        write(folder / "config_sentence_transformers.json", {"prompts": prompts, "default_prompt_name": None})
    write(folder / "expected.json", expected)
    config = {"architectures": ["BertModel"], "model_type": "bert", "hidden_size": HIDDEN, "max_position_embeddings": POSITIONS, "pad_token_id": pad}
    if output == "text_embeds":
        config = {"architectures": ["CLIPTextModelWithProjection"], "model_type": "clip_text_model", "max_position_embeddings": limit, "projection_dim": out, "pad_token_id": pad}
    else:
        modules = ["Transformer", "Pooling", *(["Dense"] if output == "sentence_embedding" else []), "Normalize"]
        paths = {"Transformer": "", "Pooling": "1_Pooling", "Dense": "2_Dense", "Normalize": "3_Normalize"}
        write(folder / "modules.json", [{"idx": at, "name": str(at), "path": paths[m], "type": f"sentence_transformers.models.{m}"} for at, m in enumerate(modules)])
        names = {"cls": "cls_token", "mean": "mean_tokens", "last": "lasttoken"}
        write(folder / "1_Pooling" / "config.json", {"word_embedding_dimension": HIDDEN, **{f"pooling_mode_{n}": key == pooling for key, n in names.items()}, "pooling_mode_max_tokens": False})
        write(folder / "sentence_bert_config.json", {"max_seq_length": limit, "do_lower_case": False})
    write(folder / "config.json", config)
    if name == "mean":
        # Left-overs of the kind that published models carry; nobody may heed them.
        tokenizer.enable_truncation(8)
        tokenizer.enable_padding(length=8, pad_id=pad, pad_token="[PAD]")
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)


SIDE, MEAN, DEVIATION = 224, [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]


def make_images(folder):
    """Of every format and shape that matters; noise, so that a wrong pixel shows."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(8)

    def picture(width, height, channels=3):
        y, x = np.mgrid[0:height, 0:width]
        waves = [np.sin(x / (5 + 3 * c) + c) + np.cos(y / (7 + 2 * c)) for c in range(channels)]
        noisy = np.stack(waves, -1) * 50 + 127 + random.normal(0, 12, (height, width, channels))
        return np.clip(noisy, 0, 255).astype(np.uint8)

    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(picture(320, 241)).save(folder / "photo.jpg", quality=85)
    Image.fromarray(picture(180, 120)).save(folder / "turned.jpg", quality=85, exif=exif)
    Image.fromarray(picture(130, 97, 4)).save(folder / "transparent.png")
    Image.fromarray(picture(240, 231, 1)[..., 0]).save(folder / "grey.png")
    Image.fromarray(picture(150, 90)).quantize(32).save(folder / "palette.gif")
    Image.fromarray(picture(31, 23)).save(folder / "tiny.png")
    Image.fromarray(picture(500, 40)).save(folder / "wide.webp", lossless=True)
    Image.fromarray(picture(60, 301)).save(folder / "tall.tiff", compression="tiff_adobe_deflate")
    Image.fromarray(picture(200, 150)).save(folder / "picture.avif", quality=80)
    Image.fromarray(picture(80, 61, 4), "CMYK").save(folder / "inks.jpg", quality=95)
    return sorted(folder.iterdir())


def image_embedder(name, seed, out):
    """A transformer over patches of 32 x 32 pixels, as ViT-B/32 is; each patch is shrunk to 8 x 8 first, which keeps the weights few."""
    folder = ROOT / name
    (folder / "onnx").mkdir(parents=True)
    random = np.random.default_rng(seed)
    make = lambda *shape: (random.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)
    patch, first, positions = make(HIDDEN, 3, 8, 8), make(1, 1, HIDDEN), make(1, 50, HIDDEN)
    query, key, value, mix = (make(HIDDEN, HIDDEN) for _ in range(4))
    last = make(HIDDEN, out)
    constants = {"patch": patch, "first": first, "positions": positions, "q": query, "k": key, "v": value, "mix": mix, "last": last,
                 "zero": np.int64(0), "one": np.array([1], np.int64), "flat": np.array([0, HIDDEN, -1], np.int64), "scale": np.float32(1 / np.sqrt(HIDDEN))}
    nodes = [
        helper.make_node("AveragePool", ["pixel_values"], ["shrunk"], kernel_shape=[4, 4], strides=[4, 4]),
        helper.make_node("Conv", ["shrunk", "patch"], ["patches"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Reshape", ["patches", "flat"], ["flattened"]),
        helper.make_node("Transpose", ["flattened"], ["tokens"], perm=[0, 2, 1]),
        helper.make_node("Shape", ["pixel_values"], ["count"], start=0, end=1),
        helper.make_node("Concat", ["count", "one", "one"], ["times"], axis=0),
        helper.make_node("Tile", ["first", "times"], ["firsts"]),
        helper.make_node("Concat", ["firsts", "tokens"], ["all"], axis=1),
        helper.make_node("Add", ["all", "positions"], ["x"]),
        helper.make_node("MatMul", ["x", "q"], ["xq"]),
        helper.make_node("MatMul", ["x", "k"], ["xk"]),
        helper.make_node("MatMul", ["x", "v"], ["xv"]),
        helper.make_node("Transpose", ["xk"], ["xkt"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["xq", "xkt"], ["raw"]),
        helper.make_node("Mul", ["raw", "scale"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["shares"], axis=-1),
        helper.make_node("MatMul", ["shares", "xv"], ["mixed"]),
        helper.make_node("MatMul", ["mixed", "mix"], ["turned"]),
        helper.make_node("Add", ["x", "turned"], ["last_hidden_state"]),
        helper.make_node("Gather", ["last_hidden_state", "zero"], ["pooled"], axis=1),
        helper.make_node("MatMul", ["pooled", "last"], ["image_embeds"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("pixel_values", TensorProto.FLOAT, ["batch", 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("image_embeds", TensorProto.FLOAT, ["batch", out]), helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, ["batch", 50, HIDDEN])],
        [numpy_helper.from_array(np.asarray(constant), at) for at, constant in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, folder / "onnx" / "model.onnx")
    write(folder / "config.json", {"architectures": ["CLIPVisionModelWithProjection"], "model_type": "clip_vision_model", "image_size": SIDE, "projection_dim": out})
    write(folder / "preprocessor_config.json", {"crop_size": SIDE, "do_center_crop": True, "do_normalize": True, "do_resize": True, "feature_extractor_type": "CLIPFeatureExtractor", "image_mean": MEAN, "image_std": DEVIATION, "resample": 3, "size": SIDE})

    def prepared(path):
        """As the card of CLIP has it; orientation and transparency are not heeded."""
        image = Image.open(path).convert("RGB")
        short = min(image.size)
        image = image.resize([int(SIDE * length / short) for length in image.size], Image.Resampling.BICUBIC)
        left, top = (image.width - SIDE) // 2, (image.height - SIDE) // 2
        pixels = np.asarray(image.crop((left, top, left + SIDE, top + SIDE)), np.float64) / 255
        return ((pixels - MEAN) / DEVIATION).transpose(2, 0, 1)

    def vector_of(pixels):
        shrunk = pixels.reshape(3, 56, 4, 56, 4).mean((2, 4))
        patches = np.einsum("crpsq,ocpq->rso", shrunk.reshape(3, 7, 8, 7, 8), patch.astype(np.float64)).reshape(49, HIDDEN)
        x = np.concatenate([first[0], patches]) + positions[0]
        scores = (x @ query) @ (x @ key).T / np.sqrt(HIDDEN)
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        x = x + (shares / shares.sum(-1, keepdims=True)) @ (x @ value) @ mix
        return x[0] @ last

    images = make_images(folder / "images")
    write(folder / "expected.json", {"dimensions": out, "images": [{"file": path.name, "vector": unit(vector_of(prepared(path)))} for path in images]})


def main():
    shutil.rmtree(ROOT, ignore_errors=True)
    both = ["input_ids", "attention_mask"]
    prompts = {"query": "search for: ", "document": "", "title": "heading: "}
    embedder("mean", "wordpiece", 1, "mean", [*both, "token_type_ids"], 24, prompts=prompts)
    embedder("cls", "unigram", 2, "cls", both, 20)
    embedder("last-token", "bpe-end", 3, "last", [*both, "position_ids"], 32, is_causal=True)
    embedder("sentence-embedding", "wordpiece", 4, "mean", [*both, "token_type_ids"], 24, output="sentence_embedding", out=12)
    embedder("clip-text", "bpe-both", 5, "none", ["input_ids"], 16, is_causal=True, output="text_embeds", out=8)

    image_embedder("clip-visual", 7, 8)

    quantized = ROOT / "quantized"
    shutil.copytree(ROOT / "mean", quantized, ignore=shutil.ignore_patterns("*.onnx", "config_sentence_transformers.json"))
    quantize_dynamic(ROOT / "mean/onnx/model.onnx", quantized / "onnx/model_quantized.onnx", weight_type=QuantType.QInt8)

    outside = ROOT / "external-data"
    shutil.copytree(ROOT / "cls", outside, ignore=shutil.ignore_patterns("onnx"))
    onnx.save(onnx.load(ROOT / "cls/onnx/model.onnx"), outside / "model.onnx", save_as_external_data=True, location="model.onnx_data", size_threshold=1024)

    folder = ROOT / "cross-encoder"
    (folder / "onnx").mkdir(parents=True)
    tokenizer = make_tokenizer("wordpiece")
    weights = Weights(6, tokenizer.get_vocab_size(), 1)
    onnx.save(weights.graph([*both, "token_type_ids"], "logits"), folder / "onnx/model.onnx")
    rows = []
    for query in (QUERY, TEXTS[3]):
        for document in [*TEXTS, ""]:
            ids, types = encode(tokenizer, query, 32, document)
            logit = (weights.states(ids, types, False)[0] @ weights.w["out"].astype(np.float64))[0]
            rows.append({"query": query, "document": document, "ids": ids, "typeIds": types, "score": round(float(1 / (1 + np.exp(-logit))), 9)})
    write(folder / "expected.json", {"maxTokens": 32, "pairs": rows})
    write(folder / "config.json", {"architectures": ["BertForSequenceClassification"], "model_type": "bert", "hidden_size": HIDDEN, "max_position_embeddings": 32, "pad_token_id": 0})
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)


main()
