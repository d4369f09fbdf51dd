// Bundles the map editor into kpilab/delivery/static, with the licences of what is bundled: `make javascript`.
import { createHash } from "node:crypto";
import { readFile, readdir, writeFile } from "node:fs/promises";
import { build } from "esbuild";

const out = "../kpilab/delivery/static";
const sources = createHash("sha256");
for (const name of (await readdir(".")).filter((each) => /\.m?js$|^package\.json$/.test(each)).sort()) {
  sources.update(`${name}\n`).update(await readFile(name));
}
const result = await build({
  entryPoints: ["map_editor.js"],
  outfile: `${out}/map_editor.js`,
  bundle: true,
  format: "esm",
  target: "es2020",
  minify: true,
  legalComments: "none",
  write: false,
  metafile: true,
  charset: "utf8",
});

// A test compares these with sources and bundle: nobody forgets to bundle what was changed, or changes the bundle.
const [{ text }] = result.outputFiles.filter((each) => each.path.endsWith(".js"));
const bundled = createHash("sha256").update(text).digest("hex");
await writeFile(`${out}/map_editor.js`, `// sha256 of its sources ${sources.digest("hex")}, of what follows ${bundled}\n${text}`);

const packages = new Set();
for (const input of Object.keys(result.metafile.inputs)) {
  const found = input.match(/node_modules\/((?:@[^/]+\/)?[^/]+)/);
  if (found) packages.add(found[1]);
}
const texts = ["map_editor.js bundles these packages.\n"];
for (const name of [...packages].sort()) {
  const folder = `node_modules/${name}`;
  const { version, license } = JSON.parse(await readFile(`${folder}/package.json`, "utf8"));
  const file = (await readdir(folder)).sort().reverse().find((each) => /^licen[cs]e/i.test(each));
  const terms = file ? await readFile(`${folder}/${file}`, "utf8") : `Licence: ${license}\n`;
  texts.push(`---- ${name} ${version} (${license})\n\n${terms.replaceAll("\r", "").trim()}\n`);
}
await writeFile(`${out}/map_editor.LICENSES.txt`, texts.join("\n"));
