"""Loads what `maehem convert` wrote in PyTorch, timm and transformers, and compares with the golden figures.

    pip install torch timm transformers safetensors onnx
    OUT=/tmp/exports; IN=../shared/parity
    maehem convert $IN/mae_a.pth $OUT/mae.pth --heads 3 --decoder-heads 4
    maehem convert $OUT/mae.pth $OUT/hf && maehem convert $OUT/mae.pth $OUT/timm --to timm
    maehem convert $OUT/mae.pth $OUT/js --to onnx
    maehem convert $IN/vit_gap.safetensors $OUT/gap --to timm --heads 3
    maehem convert $IN/vit_cls.safetensors $OUT/cls --to timm --heads 3
    maehem convert $IN/vit_cls.safetensors $OUT/cls-hf --heads 3
    python tools/golden/check-exports.py $IN $OUT

Prints the largest difference of each; run with torch 2.13, timm 1.0.29, transformers 5.18 and onnx 1.23 they are all 0.
"""

import sys

import onnx
import timm
import torch
from safetensors.torch import load_file
from transformers import ViTForImageClassification, ViTMAEForPreTraining

golden, out = sys.argv[1:]
weights = load_file(f'{golden}/mae_a.safetensors')
io = load_file(f'{golden}/mae_a.io.safetensors')


def gap(a, b):
    return (a - b).abs().max().item()


with torch.no_grad():
    for mmap in [False, True]:
        saved = torch.load(f'{out}/mae.pth', weights_only=True, mmap=mmap)['model']
        assert set(saved) == set(weights)
        print('torch.load', 'mmap' if mmap else '', max(gap(saved[name], weights[name]) for name in weights))

    encoder = timm.create_model(f'local-dir:{out}/timm', pretrained=True).eval()
    print('timm encoder', gap(encoder.forward_features(io['imgs']), io['latent_unmasked']))
    for name in ['gap', 'cls']:
        figures = load_file(f'{golden}/vit_{name}.io.safetensors')
        classifier = timm.create_model(f'local-dir:{out}/{name}', pretrained=True).eval()
        print('timm classifier', name, gap(classifier(figures['imgs']), figures['logits']))

    def load(model, path):
        loaded, told = model.from_pretrained(path, output_loading_info=True)
        assert not any(told.values()), told
        return loaded.eval()

    prediction = load(ViTMAEForPreTraining, f'{out}/hf')(io['imgs'], noise=io['noise']).logits
    print('transformers ViTMAEForPreTraining', gap(prediction, io['pred']))
    figures = load_file(f'{golden}/vit_cls.io.safetensors')
    logits = load(ViTForImageClassification, f'{out}/cls-hf')(figures['imgs']).logits
    print('transformers ViTForImageClassification', gap(logits, figures['logits']))

onnx.checker.check_model(f'{out}/js/onnx/model.onnx', full_check=True)
print('onnx.checker passes')
