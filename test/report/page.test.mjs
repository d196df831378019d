// The page of `kubectl killorder report` as people see it: in a real Chromium, on a phone and on a wide screen, in light and in
// dark mode. The page asks nobody for anything, axe-core finds nothing to object to, nothing sticks out sideways, and
// the keyboard reaches the page's parts. Screenshots go to SCREENSHOTS.
//
// PLUGIN is the kubectl-killorder to try. CHROMIUM is Debian's unless it says otherwise; without one the test is skipped.
import assert from 'node:assert/strict';
import { spawn, execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import CDP from 'chrome-remote-interface';
import { cluster } from './cluster.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const root = new URL('../..', import.meta.url).pathname;
const plugin = process.env.PLUGIN ?? join(root, 'bin/kubectl-killorder');
const chromium = process.env.CHROMIUM ?? '/usr/bin/chromium';
const screenshots = process.env.SCREENSHOTS ?? join(root, 'bin/report');
const skip = existsSync(chromium) ? false : `no Chromium at ${chromium}: the page was not looked at`;

const widths = [390, 1400];
const schemes = ['light', 'dark'];
// A page of 1,000 nodes has to stay below this, in bytes.
const largest = 2_000_000;

let folder, browser, port;

before(async () => {
  if (skip) return;
  folder = mkdtempSync(join(tmpdir(), 'killorder-report-'));
  mkdirSync(screenshots, { recursive: true });
  browser = spawn(chromium, [
    '--headless=new', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update',
    '--remote-debugging-port=0', `--user-data-dir=${join(folder, 'profile')}`, 'about:blank',
  ], { stdio: ['ignore', 'ignore', 'pipe'], detached: true }); // a process group of its own, to be ended as one
  port = await listening(browser);
});

after(async () => {
  if (!browser) return;
  const ended = new Promise((resolve) => browser.once('exit', resolve));
  const client = await CDP({ port, target: (await CDP.Version({ port })).webSocketDebuggerUrl });
  await client.Browser.close();
  await ended;
  // Its helpers write to the profile for a moment after it has ended; what is left in the temporary folder fails nothing.
  try { process.kill(-browser.pid, 'SIGKILL'); } catch { /* they are gone */ }
  try {
    rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  } catch (error) {
    console.log(`${folder} is left: ${error.message}`);
  }
});

// listening is the port that the browser says it listens on.
function listening(child) {
  return new Promise((resolve, reject) => {
    let said = '';
    child.stderr.on('data', (text) => {
      said += text;
      const found = said.match(/DevTools listening on ws:\/\/[^:]+:(\d+)/);
      if (found) resolve(Number(found[1]));
    });
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`${chromium} ended with ${code}: ${said}`)));
  });
}

// report writes the page of a snapshot, and returns its path.
function report(name, snapshot) {
  const path = join(folder, `${name}.html`);
  execFileSync(plugin, ['report', '-f', snapshot, '-o', path], { stdio: ['ignore', 'ignore', 'pipe'] });
  return path;
}

// open shows a page at a width and in a colour scheme, and hands a look at it to `see`. It counts what the page asks for.
async function open(path, width, scheme, see) {
  const target = await CDP.New({ port });
  const client = await CDP({ port, target });
  const { Page, Runtime, Network, Emulation, Input } = client;
  const asked = [];
  Network.requestWillBeSent(({ request }) => asked.push(request.url));
  await Promise.all([Page.enable(), Runtime.enable(), Network.enable()]);
  await Emulation.setDeviceMetricsOverride({ width, height: 900, deviceScaleFactor: 1, mobile: width < 500 });
  await Emulation.setEmulatedMedia({ features: [{ name: 'prefers-color-scheme', value: scheme }] });
  const loaded = Page.loadEventFired();
  const url = pathToFileURL(path).href;
  await Page.navigate({ url });
  await loaded;
  const evaluate = async (expression) => {
    const { result, exceptionDetails } = await Runtime.evaluate({ expression, awaitPromise: true, returnByValue: true });
    assert.equal(exceptionDetails, undefined, exceptionDetails?.exception?.description);
    return result.value;
  };
  try {
    await see({ evaluate, Page, Input, asked: () => asked.filter((u) => u !== url) });
  } finally {
    await client.close();
    await CDP.Close({ port, id: target.id });
  }
}

// looks are what must hold of every page, at every width and in both schemes. Without judging, axe-core is left out.
async function looks(name, path, width, scheme, judging = true) {
  await open(path, width, scheme, async ({ evaluate, Page, asked }) => {
    const dark = await evaluate(`getComputedStyle(document.body).backgroundColor === 'rgb(13, 17, 23)'`);
    assert.equal(dark, scheme === 'dark', 'the page does not follow the colour scheme');
    const wide = await evaluate('document.documentElement.scrollWidth');
    assert.ok(wide <= width, `the page is ${wide} pixels wide on a screen of ${width}`);
    const height = Math.min(await evaluate('document.documentElement.scrollHeight'), 6000);
    const { data } = await Page.captureScreenshot({
      format: 'png', captureBeyondViewport: true, clip: { x: 0, y: 0, width, height, scale: 1 },
    });
    writeFileSync(join(screenshots, `${name}-${width}-${scheme}.png`), Buffer.from(data, 'base64'));
    assert.deepEqual(asked(), [], 'the page asks for something');
    if (!judging) return;
    // What is folded away is looked at too.
    await evaluate(`document.querySelectorAll('details').forEach((d) => { d.open = true })`);
    await evaluate(axe);
    const found = await evaluate(`axe.run(document, { resultTypes: ['violations', 'incomplete'] }).then((r) => ({
      passes: r.passes.length,
      violations: r.violations.map((v) => v.id + ': ' + v.help + ' at ' + v.nodes.slice(0, 3).map((n) => n.target).join(', ')),
    }))`);
    assert.deepEqual(found.violations, [], 'axe-core objects');
    assert.ok(found.passes > 15, `axe-core has tried ${found.passes} rules only`);
    assert.deepEqual(asked(), [], 'the page asks for something once it is unfolded');
  });
}

const pages = {
  story: join(root, 'examples/story'),
  // Of a real node, with kills on it.
  kills: join(root, 'internal/cli/testdata/kills/05-evicted-hard'),
};

for (const [name, snapshot] of Object.entries(pages)) {
  for (const width of widths) {
    for (const scheme of schemes) {
      test(`${name} at ${width} pixels, ${scheme}`, { skip }, async () => {
        await looks(name, report(name, snapshot), width, scheme);
      });
    }
  }
}

test('1,000 nodes', { skip }, async () => {
  const snapshot = join(folder, 'cluster.json');
  writeFileSync(snapshot, JSON.stringify(cluster(1000, 30)));
  const path = report('large', snapshot);
  const { size } = statSync(path);
  assert.ok(size < largest, `the page has ${size} bytes, want less than ${largest}`);
  console.log(`1,000 nodes, 30,000 pods: ${size} bytes`);
  await looks('large', path, 1400, 'light', false);
  await looks('large', path, 390, 'dark', false);
});

// axe-core takes a quarter of a minute for 1,000 rows, and sees nothing else in them than in these.
test('150 nodes', { skip }, async () => {
  const snapshot = join(folder, 'cluster.json');
  writeFileSync(snapshot, JSON.stringify(cluster(150, 30)));
  await looks('many', report('many', snapshot), 390, 'dark');
});

test('the keyboard reaches the sections, and shows where it is', { skip }, async () => {
  await open(report('story', pages.story), 1400, 'light', async ({ evaluate, Input }) => {
    const seen = [];
    for (let i = 0; i < 6; i++) {
      await Input.dispatchKeyEvent({ type: 'rawKeyDown', key: 'Tab', code: 'Tab', windowsVirtualKeyCode: 9 });
      await Input.dispatchKeyEvent({ type: 'keyUp', key: 'Tab', code: 'Tab', windowsVirtualKeyCode: 9 });
      seen.push(await evaluate(`[document.activeElement.textContent.trim(), getComputedStyle(document.activeElement).outlineStyle].join(' ')`));
    }
    assert.deepEqual(seen, ['Skip to the nodes solid', 'Nodes by headroom solid', 'Critical pods at risk solid', 'Kills solid',
      'Findings solid', 'Orders solid']);
  });
});

// The check that nothing is asked for must be able to fail, and the policy of the page must hold against what gets into the page.
test('what gets into the page can neither load nor run anything', { skip }, async () => {
  const hits = [];
  const server = createServer((request, response) => { hits.push(request.url); response.end(); });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const at = `http://127.0.0.1:${server.address().port}`;
  const put = `(async () => {
    const refused = [];
    document.addEventListener('securitypolicyviolation', (e) => refused.push(e.effectiveDirective));
    document.body.insertAdjacentHTML('beforeend', '<img src="${at}/img" alt=""><p style="color: red" id="styled">x</p>');
    const script = document.createElement('script');
    script.textContent = 'window.ran = true';
    document.body.append(script);
    await fetch('${at}/fetch').catch(() => {});
    for (let waited = 0; waited < 30000 && new Set(refused).size < 4; waited += 100) {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    return { refused: [...new Set(refused)].sort(), ran: window.ran === true };
  })()`;
  try {
    await open(report('story', pages.story), 1400, 'light', async ({ evaluate }) => {
      const { refused, ran } = await evaluate(put);
      assert.deepEqual(refused, ['connect-src', 'img-src', 'script-src-elem', 'style-src-attr']);
      assert.equal(ran, false, 'a script ran');
      assert.deepEqual(hits, [], 'the policy let a request through');
    });
    const bare = join(folder, 'bare.html');
    writeFileSync(bare, `<!doctype html><title>x</title><img src="${at}/seen" alt="">`);
    await open(bare, 1400, 'light', async ({ asked }) => assert.deepEqual(asked(), [`${at}/seen`], 'requests are not seen'));
  } finally {
    server.close();
  }
});
