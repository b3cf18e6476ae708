import { Command } from 'commander';
import { expect, it } from 'vitest';
import { addSettingFlags, givenSettings } from './flags.js';

it.each([
  [[], {}],
  [['--tuning', 'runs/a/tuning.json'], { tuning: 'runs/a/tuning.json' }],
  [['--no-tuning'], { tuning: 'none' }],
  [['--no-flip', '--encoder-mask-tokens'], { augment: { flip: false }, model: { encoderMaskTokens: true } }],
  [['--image-size', '32x48', '--batch', '8'], { model: { imageSize: [32, 48] }, batch: 8 }],
])('flags %j set %j and nothing else', (flags, settings) => {
  const command = addSettingFlags(new Command());
  command.parse(flags, { from: 'user' });
  expect(givenSettings(command)).toEqual(settings);
});
