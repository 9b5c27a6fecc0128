import { useEffect, useRef } from "preact/hooks";
import { Icon } from "./icon.tsx";
import type { Actions } from "./page.ts";
import type { Ring } from "./state.ts";
import { UserBadge } from "./user-badge.tsx";

interface RingDialogProps {
  readonly ring: Ring;
  readonly act: Actions;
  /** Another call is on: answering ends it. */
  readonly engaged: boolean;
  /** The user's other devices ring too. */
  readonly others: boolean;
}

/**
 * An incoming call. The dialog itself has the focus, so that a stray Enter accepts nothing. Escape silences the tone, and the
 * call rings on.
 */
export function RingDialog({ ring, act, engaged, others }: RingDialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const element = dialog.current;
    if (element === null) return;
    const before = document.activeElement;
    element.showModal();
    element.focus();
    return () => {
      element.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  const moves = ring.movedFrom !== undefined;
  return (
    <dialog
      ref={dialog}
      class="ring"
      role="alertdialog"
      tabIndex={-1}
      aria-labelledby="ring-title"
      aria-describedby="ring-text"
      onCancel={(event) => {
        event.preventDefault();
        act.hush();
      }}
    >
      <span class="ring-badge">
        <UserBadge user={ring.from} lit />
      </span>
      <h1 class="title" id="ring-title">
        {moves ? `Continue with ${ring.from} here?` : `${ring.from} is calling`}
      </h1>
      <p class="muted" id="ring-text">
        {moves
          ? `The call is on your ${ring.movedFrom} now.`
          : `from ${ring.device}${ring.video ? "" : ", sound only"}${engaged ? ". Answering ends your call." : ""}`}
      </p>
      <div class="ring-actions">
        <button type="button" class="button yes" onClick={() => act.accept(ring.video)}>
          <Icon name={ring.video ? "camera" : "handset"} />
          {moves ? "Take it" : engaged ? "End and accept" : "Accept"}
        </button>
        {ring.video && (
          <button type="button" class="button" onClick={() => act.accept(false)}>
            Without camera
          </button>
        )}
        <button type="button" class="button no" onClick={() => act.decline(false)}>
          <Icon name="hangup" />
          {moves ? "Leave it there" : "Decline"}
        </button>
        {others && !moves && (
          <button type="button" class="button quiet" onClick={() => act.decline(true)}>
            Decline everywhere
          </button>
        )}
      </div>
    </dialog>
  );
}
