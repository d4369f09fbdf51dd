// Bundles the map editor into kpilab/delivery/static, with the licences of what is bundled: `make javascript`.
import { readFile, readdir, writeFile } from "node:fs/promises";
import { build } from "esbuild";

const out = "../kpilab/delivery/static";
const result = await build({
  entryPoints: ["map_editor.js"],
  outfile: `${out}/map_editor.js`,
  bundle: true,
  format: "esm",
  target: "es2020",
  minify: true,
  legalComments: "none",
  metafile: true,
  charset: "utf8",
});

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
  const text = file ? await readFile(`${folder}/${file}`, "utf8") : `Licence: ${license}\n`;
  texts.push(`---- ${name} ${version} (${license})\n\n${text.replaceAll("\r", "").trim()}\n`);
}
await writeFile(`${out}/map_editor.LICENSES.txt`, texts.join("\n"));
