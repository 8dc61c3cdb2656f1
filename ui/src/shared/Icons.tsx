// The drawings on buttons and tiles. They say nothing to screen readers; whatever
// carries them has words of its own.

const paths = {
  microphone: "M12 3a3 3 0 0 0-3 3v5a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3ZM5.5 11a6.5 6.5 0 0 0 13 0M12 17.5V21M8.5 21h7",
  microphoneOff: "M9 6a3 3 0 0 1 6 0v4.5M15 13.2A3 3 0 0 1 9 11V9M5.5 11a6.5 6.5 0 0 0 10.8 4.9M18.5 11c0 .9-.2 1.7-.5 2.5M12 17.5V21M8.5 21h7M4 3.5l16 17",
  camera: "M4.5 6.5h8a2 2 0 0 1 2 2v7a2 2 0 0 1-2 2h-8a2 2 0 0 1-2-2v-7a2 2 0 0 1 2-2ZM14.5 11l5.6-3.4a.6.6 0 0 1 .9.5v7.8a.6.6 0 0 1-.9.5L14.5 13",
  cameraOff: "M9 6.5h3.5a2 2 0 0 1 2 2V12M14.5 14v1.5a2 2 0 0 1-2 2h-8a2 2 0 0 1-2-2v-7c0-1 .7-1.8 1.6-2M14.5 11l5.6-3.4a.6.6 0 0 1 .9.5v7.8a.6.6 0 0 1-.9.5L17 14.4M3 3l17 18",
  screen: "M4 4.5h16a1.5 1.5 0 0 1 1.5 1.5v9.5A1.5 1.5 0 0 1 20 17H4a1.5 1.5 0 0 1-1.5-1.5V6A1.5 1.5 0 0 1 4 4.5ZM8.5 20.5h7M12 17v3.5M12 13.5v-6M9.3 10 12 7.3l2.7 2.7",
  screenOff: "M4 4.5h16a1.5 1.5 0 0 1 1.5 1.5v9.5A1.5 1.5 0 0 1 20 17H4a1.5 1.5 0 0 1-1.5-1.5V6A1.5 1.5 0 0 1 4 4.5ZM8.5 20.5h7M12 17v3.5M9.8 8.5l4.4 4.4M14.2 8.5l-4.4 4.4",
  chat: "M5.5 4.5h13a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2h-6.7L7.3 20a.5.5 0 0 1-.8-.4v-3.1h-1a2 2 0 0 1-2-2v-8a2 2 0 0 1 2-2ZM8 9h8M8 12.2h5",
  settings: "M4 7h9M17.5 7H20M4 17h2.5M11 17h9M15.2 4.8a2.2 2.2 0 1 1 0 4.4 2.2 2.2 0 0 1 0-4.4ZM8.8 14.8a2.2 2.2 0 1 1 0 4.4 2.2 2.2 0 0 1 0-4.4Z",
  help: "M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18ZM9.4 9.3a2.7 2.7 0 1 1 3.9 2.4c-.8.4-1.3 1-1.3 1.8v.4M12 16.9v.1",
  leave: "M3.2 13.9c-.6-1-.4-2.3.6-3.1 4.8-3.7 11.6-3.7 16.4 0 1 .8 1.2 2.1.6 3.1l-.5.9a1.6 1.6 0 0 1-1.9.7l-2.3-.8a1.6 1.6 0 0 1-1.1-1.4l-.1-1.3a9.5 9.5 0 0 0-5.8 0l-.1 1.3c0 .6-.5 1.2-1.1 1.4l-2.3.8a1.6 1.6 0 0 1-1.9-.7l-.5-.9Z",
  link: "M10 14a4 4 0 0 0 5.7 0l3.1-3.1a4 4 0 0 0-5.7-5.7L12 6.3M14 10a4 4 0 0 0-5.7 0l-3.1 3.1a4 4 0 0 0 5.7 5.7l1.1-1.1",
  people: "M9 11.5a3.2 3.2 0 1 0 0-6.4 3.2 3.2 0 0 0 0 6.4ZM2.8 19c.5-3 3-5 6.2-5s5.7 2 6.2 5M15.5 5.4a3.2 3.2 0 0 1 0 5.8M17.6 14.4c2 .7 3.3 2.4 3.6 4.6",
  close: "M6 6l12 12M18 6L6 18",
  pin: "M9 3.5h6l-.7 6 3.2 3v1.5h-11v-1.5l3.2-3-.7-6ZM12 14v6.5",
  headphones: "M4 15v-3a8 8 0 0 1 16 0v3M4 14.5h2.2a1 1 0 0 1 1 1V19a1 1 0 0 1-1 1H5.5A1.5 1.5 0 0 1 4 18.5ZM20 14.5h-2.2a1 1 0 0 0-1 1V19a1 1 0 0 0 1 1h.7a1.5 1.5 0 0 0 1.5-1.5Z",
  ring: "M12 4.5a7.5 7.5 0 1 1 0 15 7.5 7.5 0 0 1 0-15Z",
  wave: "M3.5 10.5v3M7.5 7v10M12 3.5v17M16.5 7v10M20.5 10.5v3",
  lock: "M7.5 11V8a4.5 4.5 0 0 1 9 0v3M6.5 11h11a1.5 1.5 0 0 1 1.5 1.5v6a1.5 1.5 0 0 1-1.5 1.5h-11A1.5 1.5 0 0 1 5 18.5v-6A1.5 1.5 0 0 1 6.5 11Z",
  speaker: "M4 9.5h3.5L12.5 5v14l-5-4.5H4ZM16 9a4.2 4.2 0 0 1 0 6M18.5 6.5a7.8 7.8 0 0 1 0 11",
  speakerOff: "M4 9.5h3.5L12.5 5v14l-5-4.5H4ZM16 9.5l5 5M21 9.5l-5 5",
  send: "M4 12 20 4.5 14.5 20l-3-6.5L4 12ZM11.5 13.5 20 4.5",
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={paths[name]} />
    </svg>
  );
}

/** Three bars that fill with the quality of a connection. */
export function Bars({ filled }: { filled: number }) {
  return (
    <svg class="bars" viewBox="0 0 14 12" aria-hidden="true" focusable="false">
      {[0, 1, 2].map((bar) => (
        <rect key={bar} class={bar < filled ? "filled" : "empty"} x={bar * 5} y={8 - bar * 4} width="4" height={4 + bar * 4} rx="1" />
      ))}
    </svg>
  );
}
