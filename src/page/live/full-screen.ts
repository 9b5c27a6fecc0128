/** What iPhones have instead of full screen for any element. */
type Phone = HTMLVideoElement & { webkitEnterFullscreen?: () => void };

export function canFillScreen(): boolean {
  return document.fullscreenEnabled === true || "webkitEnterFullscreen" in HTMLVideoElement.prototype;
}

/** Fills the screen with the element, or, on phones that only let videos do that, with the video; leaves it when it was filled. */
export function fillScreen(element: HTMLElement | null, video: HTMLVideoElement | null): void {
  if (document.fullscreenElement !== null) void document.exitFullscreen();
  else if (document.fullscreenEnabled) element?.requestFullscreen().catch(() => undefined);
  else (video as Phone | null)?.webkitEnterFullscreen?.();
}
