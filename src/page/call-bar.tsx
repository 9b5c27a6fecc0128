import { useRef } from "preact/hooks";
import { Icon, type IconName } from "./icon.tsx";
import type { Actions, Page } from "./page.ts";

/** The controls of a call. M, V and S work while one of them has the focus; no key hangs up. */
export function CallBar({ page, act }: { page: Page; act: Actions }) {
  const own = page.own.value;
  const canShare = typeof navigator.mediaDevices?.getDisplayMedia === "function";
  const keys: Record<string, () => void> = {
    m: () => act.mute("audio"),
    v: () => act.mute("video"),
    s: () => canShare && act.share(),
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.target as HTMLElement;
    if (target.closest("[popover]") === null) keys[event.key.toLowerCase()]?.();
  };
  return (
    <fieldset class="bar" aria-label="Call controls" onKeyDown={onKeyDown}>
      <BarButton
        icon="mic"
        label={own.soundOff ? "Unmute" : "Mute"}
        off={own.soundOff}
        keys="M"
        press={() => act.mute("audio")}
      />
      <span class="bar-pair">
        <BarButton
          icon="camera"
          label="Camera"
          off={own.pictureOff || own.source === "audio"}
          keys="V"
          press={() => act.mute("video")}
        />
        <BarMenu id="camera-menu" label="Choose a camera">
          <CameraMenu page={page} act={act} />
        </BarMenu>
      </span>
      {canShare && (
        <BarButton icon="screen" label="Screen" on={own.sharing} keys="S" press={() => act.share()} />
      )}
      <button
        type="button"
        class="bar-button narrow-only"
        onClick={() => {
          page.sheet.value = "chat";
          page.unread.value = 0;
        }}
      >
        <Icon name="chat" />
        <span>Chat</span>
        {page.unread.value > 0 && <b class="dot">{page.unread.value}</b>}
      </button>
      <span class="bar-pair">
        <button type="button" class="bar-button" popovertarget="move-menu">
          <Icon name="move" />
          <span>Move</span>
        </button>
        <MoveMenu page={page} act={act} />
      </span>
      <BarButton icon="hangup" label="Hang up" danger press={() => act.hangUp()} />
    </fieldset>
  );
}

interface BarButtonProps {
  readonly icon: IconName;
  readonly label: string;
  readonly press: () => void;
  readonly off?: boolean;
  readonly on?: boolean;
  readonly danger?: boolean;
  readonly keys?: string;
}

function BarButton({ icon, label, press, off, on, danger = false, keys }: BarButtonProps) {
  return (
    <button
      type="button"
      class={danger ? "bar-button danger" : off ? "bar-button off" : on ? "bar-button on" : "bar-button"}
      aria-pressed={on ?? off}
      aria-keyshortcuts={keys}
      title={keys === undefined ? undefined : `${label} (${keys})`}
      onClick={press}
    >
      <Icon name={icon} off={off === true} />
      <span>{label}</span>
    </button>
  );
}

function BarMenu({ id, label, children }: { id: string; label: string; children: preact.ComponentChildren }) {
  return (
    <>
      <button type="button" class="bar-more" popovertarget={id} aria-label={label}>
        <Icon name="more" />
      </button>
      <div id={id} popover="auto" class="menu">
        {children}
      </div>
    </>
  );
}

function CameraMenu({ page, act }: { page: Page; act: Actions }) {
  const own = page.own.value;
  return (
    <>
      <h3 class="label">Picture</h3>
      {own.cameras.map((camera) => (
        <MenuItem
          key={camera.id}
          menu="camera-menu"
          checked={own.source === "camera" && own.camera === camera.id}
          press={() => act.camera(camera.id)}
        >
          {camera.label}
        </MenuItem>
      ))}
      <MenuItem menu="camera-menu" checked={own.source === "test"} press={() => act.camera("test")}>
        Test picture
      </MenuItem>
      <h3 class="label">Sound</h3>
      <MenuItem menu="camera-menu" checked={own.pip} press={() => act.pip(!own.pip)}>
        A pip each second
      </MenuItem>
    </>
  );
}

function MoveMenu({ page, act }: { page: Page; act: Actions }) {
  const mine = page.mine.value;
  const me = page.me.value?.user ?? "";
  return (
    <div id="move-menu" popover="auto" class="menu">
      <h3 class="label">Go on at</h3>
      {mine.map((device) => (
        <MenuItem key={device.id} menu="move-menu" press={() => act.move(device)}>
          {device.label}
        </MenuItem>
      ))}
      {mine.length === 0 && <p class="small muted">No other device of yours is on the line.</p>}
      <a class="menu-item" href={`/?as=${encodeURIComponent(me)}`} target="_blank" rel="noopener">
        Open another tab as {me}
      </a>
    </div>
  );
}

interface MenuItemProps {
  readonly menu: string;
  readonly checked?: boolean;
  readonly press: () => void;
  readonly children: preact.ComponentChildren;
}

/** A line of a menu; pressing it closes the menu, and the focus returns to what opened it. */
function MenuItem({ menu, checked, press, children }: MenuItemProps) {
  const button = useRef<HTMLButtonElement>(null);
  return (
    <button
      ref={button}
      type="button"
      class="menu-item"
      aria-pressed={checked}
      popovertarget={menu}
      popovertargetaction="hide"
      onClick={press}
    >
      {children}
    </button>
  );
}
