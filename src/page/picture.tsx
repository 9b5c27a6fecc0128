import { useEffect, useRef } from "preact/hooks";
import type { Own } from "./page.ts";

interface PictureProps {
  readonly stream: MediaStream | undefined;
  readonly label: string;
  readonly muted?: boolean;
  readonly mirrored?: boolean;
  readonly id?: string;
}

/** A video element that plays a stream. */
export function Picture({ stream = undefined, label, muted = false, mirrored = false, id }: PictureProps) {
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    if (video.current !== null) video.current.srcObject = stream ?? null;
  }, [stream]);
  return (
    <video
      ref={video}
      id={id}
      class={mirrored ? "mirrored" : ""}
      autoplay
      playsInline
      muted={muted}
      aria-label={label}
    />
  );
}

/** The user's own picture in the corner, if there is one. */
export function OwnPicture({ own }: { own: Own }) {
  if (own.stream === undefined || own.source === "audio") return null;
  return (
    <div class={own.pictureOff ? "pip-frame off" : "pip-frame"}>
      <Picture id="own" stream={own.stream} muted mirrored={own.source === "camera"} label="Your picture" />
      {own.pictureOff && <span class="pip-note">off</span>}
    </div>
  );
}
