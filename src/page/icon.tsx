const paths = {
  mic: "M12 3a3 3 0 0 0-3 3v5a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3ZM6 11a6 6 0 0 0 12 0M12 17v4M9 21h6",
  camera: "M3 7.5h11v9H3zM14 11l6-3.5v9L14 13",
  screen: "M3 5h18v11H3zM9 20h6M12 16v4M12 13V8m-2.5 2.5L12 8l2.5 2.5",
  move: "M4 6h7v12H4zM15 9h5v9h-5zM13 4h4m-1.5-1.5L17 4l-1.5 1.5",
  chat: "M4 5h16v11H10l-4 4v-4H4z",
  hangup: "M3 14c5-5 13-5 18 0l-2 3-4-1.6V13a13 13 0 0 0-6 0v2.4L5 17z",
  handset: "M6 3l3 1 1 4-2 2a12 12 0 0 0 6 6l2-2 4 1 1 3c-1 2-3 3-5 3A16 16 0 0 1 3 8c0-2 1-4 3-5Z",
  ladder: "M5 3v18M12 3v18M19 3v18M5 8h7M12 13h7M5 17h7",
  more: "M6 9.5l6 6 6-6",
  sound: "M4 9.5h3.5L12 6v12l-4.5-3.5H4zM15.5 9a4 4 0 0 1 0 6M18 6.5a8 8 0 0 1 0 11",
  full: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5",
  layers: "M12 4l9 5-9 5-9-5zM3 14l9 5 9-5",
  gauge: "M4 17a8 8 0 1 1 16 0M12 17l4-6",
  live: "M12 10a2 2 0 1 0 .01 0M8 16a6 6 0 0 1 0-8M16 8a6 6 0 0 1 0 8M5 19a10 10 0 0 1 0-14M19 5a10 10 0 0 1 0 14",
  close: "M5 5l14 14M19 5L5 19",
} as const;

export type IconName = keyof typeof paths;

/** An icon. It is decoration: the text beside it, or its button's label, carries the meaning. */
export function Icon({ name, off = false }: { name: IconName; off?: boolean }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={paths[name]} />
      {off && <path class="icon-off" d="M4 3l16 18" />}
    </svg>
  );
}
