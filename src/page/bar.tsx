import type { ComponentChildren } from "preact";
import { Icon, type IconName } from "./icon.tsx";

interface BarButtonProps {
  readonly icon: IconName;
  readonly label: string;
  readonly press: () => void;
  readonly look: string;
  readonly pressed?: boolean;
  readonly hotkey?: string;
  readonly children?: ComponentChildren;
}

/** A button of a bar of controls: an icon over its label. */
export function BarButton({ icon, label, press, look, pressed, hotkey, children }: BarButtonProps) {
  return (
    <button
      type="button"
      class={`bar-button ${look}`}
      aria-pressed={pressed}
      aria-keyshortcuts={hotkey}
      title={hotkey && `${label} (${hotkey})`}
      onClick={press}
    >
      <Icon name={icon} off={look === "off"} />
      <span>{label}</span>
      {children}
    </button>
  );
}

interface MenuItemProps {
  readonly menu: string;
  readonly checked?: boolean;
  readonly press: () => void;
  readonly children: ComponentChildren;
}

/** An entry of a menu. Pressing it closes the menu, and the focus returns to the button that opened it. */
export function MenuItem({ menu, checked, press, children }: MenuItemProps) {
  return (
    <button
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
