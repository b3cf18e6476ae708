"""The peer in PyTorch: `python3 torch_mae.py THREADS NAME`, THREADS = 0 for PyTorch's own choice (every core), and
NAME = torch or torch-compile, which has the step's forward and backward pass compiled by `torch.compile`.

Speaks the lines of ../peer.ts: requests on stdin, replies on file descriptor 3. The same model, weights, batch, loss
and AdamW as the other peers, by PyTorch's fast paths: fused attention, fused layer norm, fused AdamW.
"""

import json
import os
import sys
import time
import traceback

REPLY_DESCRIPTOR = 3


def main():
    train = None
    with os.fdopen(REPLY_DESCRIPTOR, "w") as replies:
        for line in sys.stdin:
            request = json.loads(line)
            try:
                if request["command"] == "init":
                    train = create_training(request, int(sys.argv[1]), compiled=sys.argv[2] == "torch-compile")
                    reply = {"ready": True}
                else:
                    start = time.perf_counter()
                    loss = train()
                    ms = (time.perf_counter() - start) * 1000
                    reply = {"loss": loss, "ms": ms, "peakBytes": peak_resident_bytes()}
            except ImportError as error:
                reply = {"error": f"{sys.executable}: {error}; set MAEHEM_PYTHON to a Python that has torch"}
            except Exception:
                reply = {"error": traceback.format_exc()}
            print(json.dumps(reply), file=replies, flush=True)


def create_training(request, threads, compiled):
    global torch, F  # Here, so that a Python without torch can say so in its reply.
    import torch
    import torch.nn.functional as F

    if threads:
        torch.set_num_threads(threads)
    if request["precision"] == "float16":
        raise ValueError("the PyTorch peer has float32 and bfloat16")
    # Our engines for GPUs have a rival on the same GPU. TensorFlow's products are TF32 by default; WebGPU has float32 alone.
    on_gpu = request["backend"] in ("tensorflow", "webgpu") and torch.cuda.is_available()
    if on_gpu:
        torch.set_float32_matmul_precision("high" if request["backend"] == "tensorflow" else "highest")
    device = torch.device("cuda" if on_gpu else "cpu")
    print(f"torch {torch.__version__} on {device}, {torch.get_num_threads()} threads", file=sys.stderr)

    workload, tensors = read_workload(request["folder"], device)
    trained = [entry for entry in workload["tensors"] if entry["role"] == "trained"]
    for entry in trained:
        tensors[entry["name"]].requires_grad_()
    optimizer = create_adamw(workload["adamw"], trained, tensors)
    bf16 = torch.autocast(device.type, torch.bfloat16, enabled=request["precision"] == "bfloat16")

    loss_of = torch.compile(mae_loss) if compiled else mae_loss

    def train():
        optimizer.zero_grad(set_to_none=True)
        with bf16:
            loss = loss_of(tensors, workload)
        loss.backward()
        optimizer.step()
        value = loss.item()
        if on_gpu:
            torch.cuda.synchronize()  # The update may still be running.
        return value

    return train


def read_workload(folder, device):
    with open(os.path.join(folder, "workload.json"), encoding="utf-8") as file:
        workload = json.load(file)
    with open(os.path.join(folder, "workload.bin"), "rb") as file:
        tensors = {entry["name"]: read_tensor(file, entry).to(device) for entry in workload["tensors"]}
    return workload, tensors


def read_tensor(file, entry):
    size = 4
    for length in entry["shape"]:
        size *= length
    file.seek(entry["offset"])
    dtype = getattr(torch, entry["dtype"])
    tensor = torch.frombuffer(bytearray(file.read(size)), dtype=dtype).reshape(entry["shape"])
    if dtype == torch.int32:
        return tensor.long()  # What gather takes.
    if tensor.ndim == 4:
        # A convolution of stride = kernel size is a dense layer on patches: [dim, row-column-channel].
        return tensor.permute(0, 2, 3, 1).flatten(1).contiguous()
    return tensor


def create_adamw(settings, trained, tensors):
    groups = {}
    for entry in trained:
        groups.setdefault(entry["weightDecay"], []).append(tensors[entry["name"]])
    return torch.optim.AdamW(
        [{"params": params, "weight_decay": decay} for decay, params in groups.items()],
        lr=settings["lr"],
        betas=(settings["beta1"], settings["beta2"]),
        eps=settings["eps"],
        fused=True,
    )


def mae_loss(t, workload):
    config, eps = workload["config"], workload["layerNormEps"]
    batch, tokens, keep = workload["batch"], t["patches"].shape[1], workload["keep"]

    embedded = linear(t, "patch_embed.proj", t["patches"]) + t["pos_embed"][:, 1:]
    cls = (t["cls_token"] + t["pos_embed"][:, :1]).expand(batch, -1, -1)
    x = torch.cat([cls, take_tokens(embedded, t["idsKeep"])], 1)
    for i in range(config["depth"]):
        x = block(t, f"blocks.{i}", x, config["heads"], eps)
    x = linear(t, "decoder_embed", layer_norm(t, "norm", x, eps))

    masks = t["mask_token"].to(x.dtype).expand(batch, tokens - keep, -1)
    full = take_tokens(torch.cat([x[:, 1:], masks], 1), t["idsRestore"])
    y = torch.cat([x[:, :1], full], 1) + t["decoder_pos_embed"]
    for i in range(config["decoderDepth"]):
        y = block(t, f"decoder_blocks.{i}", y, config["decoderHeads"], eps)
    y = linear(t, "decoder_pred", layer_norm(t, "decoder_norm", y, eps))

    error = (y[:, 1:].float() - norm_pix_target(t["patches"], workload["normPixEps"])).square().mean(-1)
    return (error * t["mask"]).sum() / t["mask"].sum()


def block(t, name, x, heads, eps):
    x = x + attention(t, f"{name}.attn", layer_norm(t, f"{name}.norm1", x, eps), heads)
    hidden = linear(t, f"{name}.mlp.fc1", layer_norm(t, f"{name}.norm2", x, eps))
    return x + linear(t, f"{name}.mlp.fc2", F.gelu(hidden))


def attention(t, name, x, heads):
    batch, tokens, dim = x.shape
    qkv = linear(t, f"{name}.qkv", x).reshape(batch, tokens, 3, heads, dim // heads)
    q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
    mixed = F.scaled_dot_product_attention(q, k, v)
    return linear(t, f"{name}.proj", mixed.transpose(1, 2).reshape(batch, tokens, dim))


def linear(t, name, x):
    return F.linear(x, t[f"{name}.weight"], t[f"{name}.bias"])


def layer_norm(t, name, x, eps):
    return F.layer_norm(x, x.shape[-1:], t[f"{name}.weight"], t[f"{name}.bias"], eps)


def take_tokens(x, ids):
    return torch.gather(x, 1, ids.unsqueeze(-1).expand(-1, -1, x.shape[-1]))


def norm_pix_target(patches, eps):
    """Unbiased variance, as the reference has it."""
    variance, mean = torch.var_mean(patches, -1, keepdim=True)
    return (patches - mean) / (variance + eps).sqrt()


def peak_resident_bytes():
    """On Linux `ru_maxrss` starts at the parent's size; the kernel's own mark for this program does not."""
    if sys.platform == "linux":
        with open("/proc/self/status", encoding="ascii") as status:
            for line in status:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
    import resource  # Not on Windows.

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    main()
