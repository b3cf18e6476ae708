import { existsSync } from 'node:fs';
import { type BrowserContext, chromium } from 'playwright-core';

/** A real Chromium: Debian's, or the one that `CHROMIUM` names. */
const EXECUTABLE = process.env['CHROMIUM'] ?? '/usr/bin/chromium';

/** Why the browser tests cannot run on this machine, or `undefined`. */
export function browserMissing(): string | undefined {
  return existsSync(EXECUTABLE)
    ? undefined
    : `no Chromium at ${EXECUTABLE}: apt-get install chromium, or set CHROMIUM`;
}

/** A browser of its own, whose kept files live in `profile`: opened again there, it finds them. */
export function openBrowser(
  profile: string,
  options: {
    readonly gpu?: boolean;
    readonly width?: number;
    readonly height?: number;
    readonly dark?: boolean;
    readonly blockServiceWorker?: boolean;
    /** A camera that shows a test picture, and may be used without asking. */
    readonly camera?: boolean;
  } = {},
): Promise<BrowserContext> {
  const { gpu = false, width = 1280, height = 900, dark = false } = options;
  return chromium.launchPersistentContext(profile, {
    executablePath: EXECUTABLE,
    headless: true,
    serviceWorkers: options.blockServiceWorker === true ? 'block' : 'allow',
    viewport: { width, height },
    colorScheme: dark ? 'dark' : 'light',
    args: [
      '--no-sandbox',
      ...(options.camera === true
        ? ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream']
        : []),
      ...(gpu
        ? ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader']
        : ['--disable-gpu', '--disable-features=WebGPU']),
    ],
  });
}
