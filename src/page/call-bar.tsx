import { BarButton, MenuItem } from "./bar.tsx";
import { Icon } from "./icon.tsx";
import { type Actions, myName, type Page } from "./page.ts";

/** The controls of a call. M, V and S work while one of them has the focus; no key hangs up. */
export function CallBar({ page, act }: { page: Page; act: Actions }) {
  const own = page.own.value;
  const blind = own.pictureOff || own.source === "audio";
  const canShare = typeof navigator.mediaDevices?.getDisplayMedia === "function";
  const keys: Readonly<Record<string, () => void>> = {
    m: () => act.mute("audio"),
    v: () => act.mute("video"),
    s: () => canShare && act.share(),
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const typed = event.ctrlKey || event.metaKey || event.altKey || event.repeat;
    if (!typed && (event.target as Element).closest("[popover]") === null) keys[event.key.toLowerCase()]?.();
  };
  return (
    <fieldset class="bar" aria-label="Call controls" onKeyDown={onKeyDown}>
      <BarButton
        icon="mic"
        label={own.soundOff ? "Unmute" : "Mute"}
        look={own.soundOff ? "off" : ""}
        hotkey="M"
        press={() => act.mute("audio")}
      />
      <span class="bar-pair">
        <BarButton
          icon="camera"
          label="Camera"
          look={blind ? "off" : ""}
          pressed={!blind}
          hotkey="V"
          press={() => act.mute("video")}
        />
        <button type="button" class="bar-more" popovertarget="camera-menu" aria-label="Choose a camera">
          <Icon name="more" />
        </button>
        <CameraMenu page={page} act={act} />
      </span>
      {canShare && (
        <BarButton
          icon="screen"
          label="Screen"
          look={own.sharing ? "on" : ""}
          pressed={own.sharing}
          hotkey="S"
          press={() => act.share()}
        />
      )}
      <BarButton
        icon="chat"
        label="Chat"
        look="narrow-only"
        press={() => {
          page.sheet.value = "chat";
          page.unread.value = 0;
        }}
      >
        {page.unread.value > 0 && <b class="dot">{page.unread.value}</b>}
      </BarButton>
      <span class="bar-pair">
        <button type="button" class="bar-button" popovertarget="move-menu">
          <Icon name="move" />
          <span>Move</span>
        </button>
        <MoveMenu page={page} act={act} />
      </span>
      <BarButton icon="hangup" label="Hang up" look="danger" press={() => act.hangUp()} />
    </fieldset>
  );
}

function CameraMenu({ page, act }: { page: Page; act: Actions }) {
  const own = page.own.value;
  return (
    <div id="camera-menu" popover="auto" class="menu">
      <h2 class="label">Picture</h2>
      {own.cameras.map(({ id, label }) => (
        <MenuItem
          key={id}
          menu="camera-menu"
          checked={own.source === "camera" && own.camera === id}
          press={() => act.camera(id)}
        >
          {label}
        </MenuItem>
      ))}
      <MenuItem menu="camera-menu" checked={own.source === "test"} press={() => act.camera("test")}>
        Test picture
      </MenuItem>
      <h2 class="label">Sound</h2>
      <MenuItem menu="camera-menu" checked={own.pip} press={() => act.pip(!own.pip)}>
        Beep every second
      </MenuItem>
    </div>
  );
}

function MoveMenu({ page, act }: { page: Page; act: Actions }) {
  const mine = page.mine.value;
  const me = myName(page);
  return (
    <div id="move-menu" popover="auto" class="menu">
      <h2 class="label">Move to</h2>
      {mine.map((device) => (
        <MenuItem key={device.id} menu="move-menu" press={() => act.move(device)}>
          {device.label}
        </MenuItem>
      ))}
      {mine.length === 0 && <p class="small muted">You have no other device online.</p>}
      <a class="menu-item" href={`?as=${encodeURIComponent(me)}`} target="_blank" rel="noopener">
        Open another tab as {me}
      </a>
    </div>
  );
}
