// Prints the declarations of the settings that a program may give, with what each is for: a plain type in place of the schema,
// whose library would take a compiler longer than all the rest. Run on Bun; prepare.mjs does.
import { fileURLToPath } from "node:url";

/** The declaration of `SettingsInput` for a schema of settings. Throws on a schema that it does not know. */
export function settingsTypes(schema) {
  return `/** Settings as one writes them: what is absent has its default. */\nexport interface SettingsInput ${group(schema, "")}\n`;
}

/** A group of settings, each of which may be left out. */
function group({ properties }, indent) {
  return object(properties, indent, (name, value, deeper) => [
    `${name}?`,
    value.type === "object" ? group(value, deeper) : typeOf(value, deeper),
  ]);
}

function typeOf(schema, indent) {
  if ("const" in schema) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (schema.anyOf !== undefined) return schema.anyOf.map((one) => typeOf(one, indent)).join(" | ");
  switch (schema.type) {
    case "string":
    case "boolean":
    case "number":
      return schema.type;
    case "integer":
      return "number";
    case "array":
      return `ReadonlyArray<${typeOf(schema.items, indent)}>`;
    case "object":
      return object(schema.properties, indent, (name, value, deeper) => [
        schema.required?.includes(name) ? name : `${name}?`,
        typeOf(value, deeper),
      ]);
  }
  throw new Error(`no type for the schema ${JSON.stringify(schema)}`);
}

function object(properties, indent, member) {
  const deeper = `${indent}  `;
  const lines = Object.entries(properties).map(([name, value]) => {
    const [key, type] = member(name, value, deeper);
    const said = value.description === undefined ? "" : `${deeper}/** ${value.description} */\n`;
    return `${said}${deeper}readonly ${key}: ${type};\n`;
  });
  return `{\n${lines.join("")}${indent}}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { Settings } = await import("../src/config/schema.ts");
  process.stdout.write(settingsTypes(Settings));
}
