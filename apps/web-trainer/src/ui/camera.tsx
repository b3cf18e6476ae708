import { signal } from '@preact/signals';
import type { VNode } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { bringShots } from './bringing.js';
import { message } from './session.js';

/** Pictures in one go, and the time between two: move the camera about. */
const SHOTS = 120;
const EVERY = 150;

const stream = signal<MediaStream | undefined>(undefined);
const taken = signal(0);

/** Takes pictures with the camera, after asking. */
export function Camera(): VNode {
  return (
    <>
      <button type="button" onClick={() => void (stream.value === undefined ? open() : close())}>
        {stream.value === undefined
          ? 'Use the camera'
          : taken.value > 0
            ? 'Stop, keep these'
            : 'Close the camera'}
      </button>
      {stream.value !== undefined && <Finder stream={stream.value} />}
    </>
  );
}

function Finder({ stream }: { stream: MediaStream }): VNode {
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    video.current!.srcObject = stream;
    void video.current!.play();
  }, [stream]);
  return (
    <div class="finder">
      <video ref={video} muted playsInline aria-label="What the camera sees" />
      <button
        type="button"
        class="primary"
        disabled={taken.value > 0}
        onClick={() => void shoot(video.current!)}
      >
        {taken.value > 0 ? `${taken.value} of ${SHOTS}` : `Take ${SHOTS} pictures`}
      </button>
    </div>
  );
}

async function open(): Promise<void> {
  try {
    stream.value = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480 } });
  } catch (error) {
    message.value = { kind: 'alarm', text: `No camera: ${(error as Error).message}` };
  }
}

async function close(): Promise<void> {
  for (const track of stream.value?.getTracks() ?? []) track.stop();
  stream.value = undefined;
}

async function shoot(video: HTMLVideoElement): Promise<void> {
  const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
  const shots: Blob[] = [];
  while (shots.length < SHOTS && stream.value !== undefined) {
    canvas.getContext('2d')!.drawImage(video, 0, 0);
    shots.push(await canvas.convertToBlob({ type: 'image/jpeg', quality: 0.9 }));
    taken.value = shots.length;
    await new Promise((resolve) => setTimeout(resolve, EVERY));
  }
  taken.value = 0;
  await close();
  if (shots.length > 0) await bringShots(shots);
}
