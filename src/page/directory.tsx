import { chosenPerson, type Device, type Page, type Person } from "./page.ts";
import { UserBadge } from "./user-badge.tsx";

/** The left column: who is online, and on which devices. */
export function Directory({ page }: { page: Page }) {
  const people = page.people.value;
  const me = page.me.value;
  return (
    <nav class="directory" aria-label="Directory">
      <h2 class="label">
        Online <span class="count">{page.crowd.value ?? people.length}</span>
      </h2>
      {people.length === 0 && page.crowd.value === undefined && <p class="muted small">Nobody else yet.</p>}
      <ul class="people">
        {people.map((person) => (
          <li key={person.user}>
            <PersonRow page={page} person={person} />
          </li>
        ))}
      </ul>
      {me !== undefined && (
        <div class="you">
          <h2 class="label">You</h2>
          <div class="person">
            <UserBadge user={me.user} lit />
            <span class="who">
              <strong>{me.user}</strong>
              <small>
                {deviceList([{ id: me.device, label: `${me.label} (this one)` }, ...page.mine.value])}
              </small>
            </span>
          </div>
        </div>
      )}
    </nav>
  );
}

function PersonRow({ page, person }: { page: Page; person: Person }) {
  const chosen = page.model.value.scene.at === "directory" && chosenPerson(page) === person;
  return (
    <button
      type="button"
      class={chosen ? "person chosen" : "person"}
      aria-pressed={chosen}
      onClick={() => {
        page.chosen.value = person.user;
      }}
    >
      <UserBadge user={person.user} lit={chosen} />
      <span class="who">
        <strong>{person.user}</strong>
        <small>{person.talking ? "In a call" : deviceList(person.devices)}</small>
      </span>
    </button>
  );
}

export function deviceList(devices: readonly Device[]): string {
  return devices.map((device) => device.label).join(", ");
}
