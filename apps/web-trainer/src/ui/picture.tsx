import type { RgbaImage } from '@maehem/viz';
import type { VNode } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';

interface Props {
  readonly image: RgbaImage;
  /** What it shows, in words; empty where another picture lies over it. */
  readonly label: string;
  readonly class?: string;
}

/** A small picture, each of its pixels a sharp square; transparent where it is. */
export function Picture({ image, label, class: given = '' }: Props): VNode {
  const canvas = useRef<HTMLCanvasElement>(null);
  useLayoutEffect(() => {
    const { width, height, data } = image;
    const context = canvas.current!.getContext('2d')!;
    if (canvas.current!.width !== width) canvas.current!.width = width;
    if (canvas.current!.height !== height) canvas.current!.height = height;
    context.putImageData(new ImageData(data, width, height), 0, 0);
  }, [image]);
  const words = label === '' ? { 'aria-hidden': true } : { role: 'img' as const, 'aria-label': label };
  return <canvas ref={canvas} class={`picture ${given}`} {...words} />;
}
