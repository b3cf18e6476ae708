import type { VNode } from 'preact';

/** Tiles of the last three letters that are still there. */
const LEFT = [
  '10',
  '31',
  '50',
  '72',
  '03',
  '22',
  '44',
  '63',
  '85',
  '15',
  '91',
  '36',
  '57',
  '74',
  '06',
  '95',
  '27',
  '48',
];

/** MAE whole, hem destroyed: the name does what the method does. */
export function Wordmark(): VNode {
  return (
    <svg class="wordmark" viewBox="0 0 216 52" role="img" aria-label="MAEhem">
      <defs>
        <mask id="left">
          {LEFT.map((place) => (
            <rect
              key={place}
              x={107 + Number(place[0]) * 10.5}
              y={4 + Number(place[1]) * 5.25}
              width="10.5"
              height="10.5"
              fill="#fff"
            />
          ))}
        </mask>
      </defs>
      <text x="0" y="41">
        MAE
      </text>
      <text x="106" y="41" class="gone">
        hem
      </text>
      <text x="106" y="41" mask="url(#left)">
        hem
      </text>
    </svg>
  );
}
