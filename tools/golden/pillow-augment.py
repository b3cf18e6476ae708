"""Makes packages/data/src/augment/pillow.golden.json: what Pillow makes of one small image.

    pip install pillow && python tools/golden/pillow-augment.py > packages/data/src/augment/pillow.golden.json

Made with Pillow 12.3.0.
"""
import base64
import json
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

HEIGHT, WIDTH = 9, 12
FILL = (124, 116, 104)


def pixels(channels):
    # The same formula as in pillow.test.ts: a gradient with noise, so that tones are spread unevenly.
    return bytes((i * 29 + (i * i * 7) % 61 + i // 5) % 200 + 20 for i in range(HEIGHT * WIDTH * channels))


def affine(image, matrix, fill):
    return image.transform(image.size, Image.Transform.AFFINE, matrix, resample=Image.Resampling.BICUBIC, fillcolor=fill)


def solarize_add(image, amount):
    return image.point([min(255, v + amount) if v < 128 else v for v in range(256)] * len(image.getbands()))


def cases(image, fill):
    yield 'autoContrast', ImageOps.autocontrast(image)
    yield 'equalize', ImageOps.equalize(image)
    yield 'invert', ImageOps.invert(image)
    yield 'posterize 3', ImageOps.posterize(image, 3)
    yield 'solarize 77', ImageOps.solarize(image, 77)
    yield 'solarizeAdd 60', solarize_add(image, 60)
    for name, enhance in [('Colour', ImageEnhance.Color), ('Contrast', ImageEnhance.Contrast),
                          ('Brightness', ImageEnhance.Brightness), ('Sharpness', ImageEnhance.Sharpness)]:
        for factor in (0.19, 1.81):
            yield f'adjust{name} {factor}', enhance(image).enhance(factor)
    yield 'rotate 27', image.rotate(27, resample=Image.Resampling.BICUBIC, fillcolor=fill)
    yield 'rotate -8.5', image.rotate(-8.5, resample=Image.Resampling.BICUBIC, fillcolor=fill)
    yield 'affine 1,0.27,0,0,1,0', affine(image, (1, 0.27, 0, 0, 1, 0), fill)
    yield 'affine 1,0,0,-0.27,1,0', affine(image, (1, 0, 0, -0.27, 1, 0), fill)
    yield 'affine 1,0,4.86,0,1,0', affine(image, (1, 0, 4.86, 0, 1, 0), fill)
    yield 'affine 1,0,0,0,1,-3.645', affine(image, (1, 0, 0, 0, 1, -3.645), fill)


golden = {}
for channels, mode, fill in [(3, 'RGB', FILL), (1, 'L', FILL[0])]:
    image = Image.frombytes(mode, (WIDTH, HEIGHT), pixels(channels))
    golden[mode] = {name: base64.b64encode(result.tobytes()).decode() for name, result in cases(image, fill)}
print(json.dumps(golden, indent=1))
