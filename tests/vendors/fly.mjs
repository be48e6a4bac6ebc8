// A stateful fake of the Fly Machines API, on a mock clock. What it does and says is taken from the vendor's OpenAPI
// file and documentation (fly.io/docs/machines: machines-resource, volumes-resource, apps-resource, machine-states,
// working-with-machines-api); how long things take is made up. Run: node fly.mjs [PORT]

import { Bucket, World } from './world.mjs';

const kOrganization = 'my-org';
const kToken = 'fake-fly-token';
const kRegions = ['ams', 'cdg', 'fra', 'iad', 'lhr', 'nrt', 'ord', 'sjc', 'syd'];
const kSharedCpus = [1, 2, 4, 8];
const kPerformanceCpus = [1, 2, 4, 8, 16];

class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}
const refuse = (status, message) => {
  throw new Refusal(status, message);
};

const kSoon = 500;
const kBoot = 1500;
const kShutdown = 1000;
const kReplace = 1500;
const kTombstone = 5000; // a destroyed machine is still shown for a while, then it is unknown

const clone = (value) => structuredClone(value);

function check(condition, status, message) {
  if (!condition) refuse(status, message);
}

class Fly {
  constructor(clock) {
    this.clock = clock;
    this.apps = new Map();
    this.buckets = new Map();
    this.serial = 0;
    this.lag = 0; // how much later the organization's lists show a change
    this.brokenImages = new Set();
    this.pageSize = 1000;
  }

  // Identifiers look like the vendor's and are counted, so that a failed test fails the same way again.

  id(length, alphabet, prefix = '') {
    let rest = ++this.serial;
    let text = '';
    while (text.length < length) {
      text = alphabet[rest % alphabet.length] + text;
      rest = Math.floor(rest / alphabet.length);
    }
    return prefix + text;
  }
  hex(length) {
    return this.id(length, '0123456789abcdef');
  }
  ulid() {
    return this.id(26, '0123456789ABCDEFGHJKMNPQRSTVWXYZ');
  }

  // The front: authentication, rate limits, routes, errors in the vendor's shape.

  label(request) {
    return `${request.method} ${request.path}`;
  }

  handle(request) {
    try {
      check(request.headers.authorization === `Bearer ${kToken}`, 401, 'unauthenticated');
      return this.dispatch(request);
    } catch (problem) {
      if (!(problem instanceof Refusal)) throw problem;
      return { status: problem.status, body: { error: problem.message } };
    }
  }

  dispatch(request) {
    for (const [method, pattern, action, call] of kRoutes) {
      const match = method === request.method && pattern.exec(request.path);
      if (!match) continue;
      const names = match.slice(1).map(decodeURIComponent);
      this.meter(action, names);
      return call(this, request, ...names) ?? { body: { ok: true } };
    }
    return refuse(404, '404 page not found');
  }

  /** 1 request a second for each action and each machine or app, bursts of 3; 5 and 10 for reading a machine. */
  meter(action, names) {
    const [perSecond, burst] = action === 'get machine' ? [5, 10] : [1, 3];
    const key = `${action} ${names.slice(0, 2).join('/')}`;
    if (!this.buckets.has(key)) this.buckets.set(key, new Bucket(this.clock, perSecond, burst));
    check(this.buckets.get(key).take(), 429, 'rate limit exceeded');
  }

  // Apps

  app(name) {
    const app = this.apps.get(name);
    check(app, 404, `App ${name} not found`);
    check(app.organization === kOrganization, 401, `unauthorized to perform this action on app ${name}`);
    return app;
  }

  showApp(app) {
    const machines = [...app.machines.values()].filter((machine) => machine.state !== 'destroyed');
    return {
      id: app.id,
      name: app.name,
      machine_count: machines.length,
      volume_count: this.liveVolumes(app).length,
      network: app.network,
      status: machines.length === 0 ? 'pending' : 'deployed',
      organization: { name: 'My Org', slug: app.organization },
    };
  }

  createApp(body) {
    check(body?.org_slug === kOrganization, 404, `organization ${body?.org_slug} not found`);
    check(
      /^[a-z0-9-]{1,62}$/.test(body.name ?? ''),
      422,
      'Validation failed: Name under 63 chars using numbers, lowercase letters and dashes',
    );
    check(!this.apps.has(body.name), 422, 'Validation failed: Name has already been taken');
    const app = this.addApp(body.name, kOrganization, body.network ?? 'default');
    return { status: 201, body: { id: app.id, created_at: this.clock.now } };
  }

  addApp(name, organization, network) {
    const app = { id: this.id(16, '0123456789abcdefghijklmnopqrstuvwxyz'), name, organization, network };
    Object.assign(app, { machines: new Map(), volumes: new Map(), ips: [] });
    this.apps.set(name, app);
    return app;
  }

  deleteApp(name) {
    const app = this.app(name);
    const live = [...app.machines.values()].filter((machine) => !['stopped', 'destroyed'].includes(machine.state));
    check(live.length === 0, 412, `failed_precondition: app ${name} has machines that are not stopped`);
    this.apps.delete(name);
    return { status: 202 };
  }

  // Machines

  machine(app, id) {
    const machine = app.machines.get(id);
    check(machine && !(machine.destroyedAt + kTombstone < this.clock.now), 404, `machine not found, '${id}'`);
    return machine;
  }

  machineOf(appName, id) {
    return this.machine(this.app(appName), id);
  }

  showMachine(machine) {
    const { config, volume, timer, lease, published, app, destroyedAt, restarts, ...shown } = machine;
    const isReachable = machine.host_status === 'ok';
    return clone({
      ...shown,
      ...(isReachable ? { config } : { incomplete_config: { image: config.image, metadata: config.metadata } }),
      checks: this.checks(machine),
    });
  }

  checks(machine) {
    const names = Object.keys(machine.config.checks ?? {});
    return names.map((name) => ({
      name,
      status: machine.failing === name ? 'critical' : machine.state === 'started' ? 'passing' : 'warning',
      output: machine.failing === name ? 'connect: connection refused' : '',
      updated_at: this.clock.iso(),
    }));
  }

  checkConfig(config) {
    check(config?.image, 400, 'invalid_argument: config.image is required');
    this.checkGuest(config.guest ?? { cpu_kind: 'shared', cpus: 1, memory_mb: 256 });
    check((config.mounts ?? []).length <= 1, 422, 'invalid_argument: a machine can only have one volume mount');
    for (const file of config.files ?? []) {
      check(file.guest_path?.startsWith('/'), 400, 'invalid_argument: guest_path must be absolute');
      check(/^[A-Za-z0-9+/]*={0,2}$/.test(file.raw_value ?? ''), 400, 'invalid_argument: raw_value is not base64');
    }
    for (const [name, value] of Object.entries(config.metadata ?? {})) {
      check(typeof value === 'string', 400, `invalid_argument: metadata ${name} is not text`);
    }
  }

  checkGuest(guest) {
    const isShared = guest.cpu_kind === 'shared';
    check(isShared || guest.cpu_kind === 'performance', 422, `invalid_argument: cpu kind ${guest.cpu_kind}`);
    const counts = isShared ? kSharedCpus : kPerformanceCpus;
    check(counts.includes(guest.cpus), 422, `invalid_argument: ${guest.cpus} is no count of ${guest.cpu_kind} cpus`);
    const [step, most] = isShared ? [256, 2048] : [2048, 8192];
    const memory = guest.memory_mb;
    check(memory % step === 0, 422, `invalid_argument: memory_mb must be a multiple of ${step}`);
    check(memory >= step * guest.cpus, 422, `invalid_argument: memory_mb below ${step * guest.cpus}`);
    check(memory <= most * guest.cpus, 422, `invalid_argument: memory_mb above ${most * guest.cpus}`);
  }

  createMachine(appName, body) {
    const app = this.app(appName);
    this.checkConfig(body?.config);
    const region = body.region ?? 'cdg';
    check(kRegions.includes(region), 400, `invalid_argument: region ${region} not found`);
    const name = body.name ?? `fake-name-${this.hex(4)}`;
    for (const other of app.machines.values()) {
      const isSame = other.name === name && other.state !== 'destroyed';
      check(!isSame, 409, `already_exists: unique machine name violation, machine ID ${other.id} already exists with name "${name}"`);
    }
    const volume = this.volumeToMount(app, body.config, region);
    const machine = this.addMachine(app, { name, region, config: clone(body.config), volume });
    if (!body.skip_launch) this.boot(machine, kSoon);
    return { body: this.showMachine(machine) };
  }

  addMachine(app, { name, region, config, volume }) {
    const machine = {
      ...{ id: this.hex(14), name, region, state: 'created', instance_id: this.ulid(), host_status: 'ok' },
      ...{ private_ip: `fdaa:0:1:a7b::${this.hex(4)}`, created_at: this.clock.iso(), updated_at: this.clock.iso() },
      ...{ image_ref: { registry: 'docker.io', repository: config.image }, events: [], config, volume, app, restarts: 0 },
    };
    for (const mount of config.mounts ?? []) {
      Object.assign(mount, { name: volume.name, size_gb: volume.size_gb, encrypted: true });
    }
    if (volume) volume.attached_machine_id = machine.id;
    app.machines.set(machine.id, machine);
    this.event(machine, 'launch', 'created', 'user');
    this.publish(machine);
    return machine;
  }

  volumeToMount(app, config, region) {
    const wanted = config.mounts?.[0]?.volume;
    if (wanted === undefined) return undefined;
    const volume = app.volumes.get(wanted);
    check(volume && volume.state === 'created', 400, `invalid_argument: volume ${wanted} not found`);
    check(volume.region === region, 422, `invalid_argument: volume ${wanted} is not in region ${region}`);
    check(!volume.attached_machine_id, 412, `failed_precondition: volume ${wanted} is already attached to a machine`);
    return volume;
  }

  event(machine, type, status, source = 'flyd', request = undefined) {
    machine.events.unshift({ id: this.ulid(), type, status, source, timestamp: this.clock.now, ...(request && { request }) });
    machine.updated_at = this.clock.iso();
  }

  publish(machine) {
    const show = () => {
      const { id, name, state, region, instance_id, private_ip, created_at, updated_at } = machine;
      const { guest, image, metadata } = machine.config;
      machine.published = clone({ id, name, state, region, instance_id, version: instance_id, private_ip, created_at });
      Object.assign(machine.published, clone({ updated_at, app_name: machine.app.name, config: { guest, image, metadata } }));
    };
    if (this.lag > 0) this.clock.after(this.lag, show);
    else show();
  }

  move(machine, state, type, source, request) {
    machine.state = state;
    this.event(machine, type, state, source, request);
    this.publish(machine);
  }

  after(machine, delay, what) {
    this.clock.cancel(machine.timer);
    machine.timer = this.clock.after(delay, what);
  }

  boot(machine, delay) {
    this.after(machine, delay, () => {
      if (this.brokenImages.has(machine.config.image)) return this.move(machine, 'failed', 'launch');
      this.move(machine, 'starting', 'start', 'user');
      this.after(machine, kBoot, () => this.move(machine, 'started', 'start'));
      return undefined;
    });
  }

  updateMachine(request, appName, id) {
    const machine = this.writable(request, appName, id);
    const { body } = request;
    this.checkConfig(body?.config);
    check(
      !body.current_version || body.current_version === machine.instance_id,
      412,
      'aborted: current_version is not the latest version of the machine',
    );
    const mounted = body.config.mounts?.[0]?.volume;
    check(mounted === machine.volume?.id, 422, 'invalid_argument: the volume of a machine cannot be changed');
    check(machine.state !== 'destroyed', 412, `failed_precondition: machine is destroyed`);
    const wasStarted = ['started', 'starting', 'restarting', 'created'].includes(machine.state);
    this.replaceConfig(machine, clone(body.config), wasStarted && !body.skip_launch);
    return { body: this.showMachine(machine) };
  }

  /** A machine that was not running before an update is left stopped after it. */
  replaceConfig(machine, config, starts) {
    machine.config = config;
    for (const mount of config.mounts ?? []) {
      Object.assign(mount, { name: machine.volume.name, size_gb: machine.volume.size_gb, encrypted: true });
    }
    machine.instance_id = this.ulid();
    this.move(machine, 'replacing', 'update', 'user');
    this.after(machine, kReplace, () => {
      if (starts) this.boot(machine, 0);
      else this.move(machine, 'stopped', 'update');
    });
  }

  startMachine(request, appName, id) {
    const machine = this.writable(request, appName, id);
    const previous = machine.state;
    if (previous === 'started') return { body: { previous_state: previous, migrated: false, new_host: '' } };
    const canStart = ['stopped', 'suspended', 'failed'].includes(previous);
    check(canStart, 412, `failed_precondition: unable to start machine from current state: '${previous}'`);
    this.boot(machine, 0);
    this.clock.advance(0);
    return { body: { previous_state: previous, migrated: false, new_host: '' } };
  }

  stopMachine(request, appName, id) {
    const machine = this.writable(request, appName, id);
    if (['stopped', 'stopping'].includes(machine.state)) return { body: { ok: true } };
    const canStop = ['started', 'starting', 'suspended', 'failed', 'restarting'].includes(machine.state);
    check(canStop, 412, `failed_precondition: unable to stop machine from current state: '${machine.state}'`);
    this.move(machine, 'stopping', 'stop', 'user');
    this.after(machine, kShutdown, () => {
      const exit = { exit_code: 0, oom_killed: false, requested_stop: true, exited_at: this.clock.iso() };
      this.move(machine, 'stopped', 'exit', 'flyd', { exit_event: exit });
    });
    return { body: { ok: true } };
  }

  destroyMachine(request, appName, id) {
    const machine = this.writable(request, appName, id);
    if (['destroying', 'destroyed'].includes(machine.state)) return { body: { ok: true } };
    const isDown = ['stopped', 'suspended', 'failed', 'created'].includes(machine.state);
    const isForced = request.query.get('force') === 'true';
    check(isDown || isForced, 412, `failed_precondition: unable to destroy machine in state '${machine.state}'`);
    this.move(machine, 'destroying', 'destroy', 'user');
    this.after(machine, kShutdown, () => this.bury(machine));
    return { body: { ok: true } };
  }

  bury(machine) {
    this.move(machine, 'destroyed', 'destroy');
    machine.destroyedAt = this.clock.now;
    if (machine.volume) delete machine.volume.attached_machine_id;
  }

  wait(request, appName, id) {
    const machine = this.machineOf(appName, id);
    const state = request.query.get('state') ?? 'started';
    const version = request.query.get('version') ?? request.query.get('instance_id');
    check(state !== 'stopped' || version, 400, 'invalid_argument: instance_id is required to wait for stopped');
    const seconds = Number(request.query.get('timeout') ?? 60);
    check(seconds >= 1 && seconds <= 60, 400, 'invalid_argument: timeout must be between 1 and 60 seconds');
    const settled = ['started', 'stopped', 'suspended', 'failed', 'destroyed'];
    const states = state === 'settled' ? settled : state.split(',');
    const isThere = () => states.includes(machine.state) && (!version || version === machine.instance_id);
    check(this.clock.advanceUntil(isThere, seconds * 1000), 408, `deadline_exceeded: machine failed to reach desired state, ${state}, currently ${machine.state}`);
    return { body: { ok: true, state: machine.state, version: machine.instance_id } };
  }

  // Leases

  leaseOf(machine) {
    if (machine.lease && machine.lease.expires_at * 1000 <= this.clock.now) machine.lease = undefined;
    return machine.lease;
  }

  /** The machine, if this request may write to it. */
  writable(request, appName, id) {
    const machine = this.machineOf(appName, id);
    check(machine.host_status === 'ok', 503, 'unavailable: the host of this machine is unreachable');
    const lease = this.leaseOf(machine);
    if (lease && request.headers['fly-machine-lease-nonce'] !== lease.nonce) this.refuseLeased(machine, lease);
    return machine;
  }

  refuseLeased(machine, lease) {
    const until = this.clock.iso(lease.expires_at * 1000);
    refuse(409, `aborted: machine ID ${machine.id} lease currently held by ${lease.owner}, expires at ${until}`);
  }

  lease(request, appName, id) {
    const machine = this.writable(request, appName, id);
    const ttl = request.body?.ttl ?? Number(request.query.get('ttl') ?? 30);
    const lease = {
      nonce: machine.lease?.nonce ?? this.hex(12),
      expires_at: Math.floor(this.clock.now / 1000) + ttl,
      owner: 'operator@tokens.fly.io',
      description: request.body?.description ?? '',
      version: machine.instance_id,
    };
    machine.lease = lease;
    return { status: 201, body: { status: 'success', data: lease } };
  }

  showLease(appName, id) {
    const lease = this.leaseOf(this.machineOf(appName, id));
    check(lease, 404, 'lease not found');
    return { body: { status: 'success', data: lease } };
  }

  releaseLease(request, appName, id) {
    const machine = this.machineOf(appName, id);
    const lease = this.leaseOf(machine);
    check(lease, 404, 'lease not found');
    if (request.headers['fly-machine-lease-nonce'] !== lease.nonce) this.refuseLeased(machine, lease);
    machine.lease = undefined;
    return { body: { status: 'success', data: { ok: true } } };
  }

  // Metadata. Changing it makes no new version.

  putMetadata(request, appName, id) {
    const machine = this.machineOf(appName, id);
    const { machine_version: version, metadata } = request.body ?? {};
    check(!version || version === machine.instance_id, 412, 'aborted: machine_version is not the current version');
    machine.config.metadata ??= {};
    for (const [key, value] of Object.entries(metadata ?? {})) {
      if (value === null || value === '') delete machine.config.metadata[key];
      else machine.config.metadata[key] = value;
    }
    machine.updated_at = this.clock.iso();
    this.publish(machine);
    return { status: 204 };
  }

  // Volumes

  liveVolumes(app) {
    return [...app.volumes.values()].filter((volume) => volume.state !== 'destroyed');
  }

  showVolume(volume) {
    const { data, ...shown } = volume;
    return clone(shown);
  }

  volume(appName, id) {
    const volume = this.app(appName).volumes.get(id);
    check(volume && volume.state !== 'destroyed', 404, `volume not found, '${id}'`);
    return volume;
  }

  createVolume(appName, body) {
    const app = this.app(appName);
    check(/^[a-z0-9_]{1,30}$/.test(body?.name ?? ''), 422, 'invalid_argument: volume name must be at most 30 of a-z, 0-9 and _');
    check(kRegions.includes(body.region), 400, `invalid_argument: region ${body.region} not found`);
    const size = body.size_gb ?? 3;
    check(Number.isInteger(size) && size >= 1 && size <= 500, 422, 'invalid_argument: size_gb must be between 1 and 500');
    const volume = {
      ...{ id: this.id(16, '0123456789abcdefghijklmnopqrstuvwxyz', 'vol_'), name: body.name, state: 'created', size_gb: size },
      ...{ region: body.region, zone: this.hex(4), encrypted: body.encrypted ?? true },
      ...{ created_at: this.clock.iso(), blocks: 0, block_size: 0, blocks_free: 0, blocks_avail: 0 },
      ...{ fstype: 'ext4', snapshot_retention: body.snapshot_retention ?? 5, host_status: 'ok', type: 'local', data: {} },
      ...{ auto_backup_enabled: body.auto_backup_enabled ?? true },
    };
    app.volumes.set(volume.id, volume);
    return { body: this.showVolume(volume) };
  }

  extendVolume(appName, id, body) {
    const volume = this.volume(appName, id);
    check(body?.size_gb > volume.size_gb, 422, 'invalid_argument: a volume can only be extended');
    volume.size_gb = body.size_gb;
    return { body: { needs_restart: false, volume: this.showVolume(volume) } };
  }

  deleteVolume(appName, id) {
    const volume = this.volume(appName, id);
    check(!volume.attached_machine_id, 412, `failed_precondition: volume is currently bound to machine: ${volume.attached_machine_id}`);
    volume.state = 'destroyed';
    return { body: this.showVolume(volume) };
  }

  // The organization's lists

  page(request, items) {
    const limit = Math.min(Number(request.query.get('limit') ?? 1000), this.pageSize);
    const begin = Number(request.query.get('cursor') ?? 0);
    const some = items.slice(begin, begin + limit);
    const isMore = begin + limit < items.length;
    return [some, isMore ? String(begin + limit) : ''];
  }

  ours() {
    return [...this.apps.values()].filter((app) => app.organization === kOrganization);
  }

  orgMachines(request, org) {
    check(org === kOrganization, 404, `organization ${org} not found`);
    const all = this.ours()
      .flatMap((app) => [...app.machines.values()])
      .map((machine) => machine.published)
      .filter((shown) => shown && shown.state !== 'destroyed')
      .sort((a, b) => a.updated_at.localeCompare(b.updated_at) || a.id.localeCompare(b.id));
    const [machines, next] = this.page(request, all);
    const last = machines.at(-1);
    return {
      body: { machines, last_machine_id: last?.id ?? '', last_updated_at: last?.updated_at ?? '', next_cursor: next, error_regions: [] },
    };
  }

  orgVolumes(request, org) {
    check(org === kOrganization, 404, `organization ${org} not found`);
    const all = this.ours().flatMap((app) =>
      this.liveVolumes(app).map((volume) => ({ ...this.showVolume(volume), app_name: app.name, updated_at: volume.created_at })),
    );
    const [volumes, next] = this.page(request, all);
    const last = volumes.at(-1);
    return { body: { volumes, last_volume_id: last?.id ?? '', last_updated_at: last?.updated_at ?? '', next_cursor: next } };
  }

  // Addresses

  assignIp(appName, body) {
    const app = this.app(appName);
    const isShared = body?.type === 'shared_v4';
    check(isShared || ['v4', 'v6', 'private_v6'].includes(body?.type), 400, `invalid_argument: type ${body?.type}`);
    const known = app.ips.find((ip) => ip.type === body.type);
    check(!known || !isShared, 422, 'Validation failed: a shared IPv4 address is already assigned');
    const ip = body.type.endsWith('v4') ? `66.241.124.${app.ips.length + 1}` : `2a09:8280:1::${this.hex(4)}`;
    const entry = { ip, region: 'global', service_name: '', shared: isShared, created_at: this.clock.iso() };
    app.ips.push({ ...entry, type: body.type });
    return { body: entry };
  }

  // For tests

  state() {
    const apps = [...this.apps.values()].map((app) => ({
      ...{ name: app.name, organization: app.organization, network: app.network, ips: app.ips },
      machines: [...app.machines.values()].map(({ app: _, timer, published, ...machine }) => clone({ ...machine, volume: machine.volume?.id })),
      volumes: [...app.volumes.values()].map((volume) => clone(volume)),
    }));
    return { now: this.clock.now, apps };
  }

  act(what) {
    const call = kActs[what.do];
    if (!call) throw new Error(`there is no act '${what.do}'`);
    return call(this, what);
  }

  one(appName) {
    const live = [...this.apps.get(appName).machines.values()].filter((machine) => machine.state !== 'destroyed');
    if (live.length !== 1) throw new Error(`${appName} has ${live.length} machines`);
    return live[0];
  }

  /** The app exits by itself. */
  crash(machine, what) {
    const exit = { exit_code: what.code ?? 1, oom_killed: what.oom ?? false, requested_stop: false, exited_at: this.clock.iso() };
    machine.restarts += 1;
    this.move(machine, 'stopping', 'exit', 'flyd', { exit_event: exit, restart_count: machine.restarts });
    const isRestarted = machine.config.restart?.policy === 'always';
    if (isRestarted) this.boot(machine, kSoon);
    else this.after(machine, kSoon, () => this.move(machine, 'stopped', 'exit'));
  }
}

const kApp = '/apps/([^/]+)';
const kMachine = `${kApp}/machines/([^/]+)`;
const kVolume = `${kApp}/volumes/([^/]+)`;
const path = (pattern) => new RegExp(`^${pattern}$`);

const kRoutes = [
  ['GET', path('/apps'), 'list apps', (fly) => ({ body: { total_apps: fly.ours().length, apps: fly.ours().map((app) => fly.showApp(app)) } })],
  ['POST', path('/apps'), 'create app', (fly, request) => fly.createApp(request.body)],
  ['GET', path(kApp), 'get app', (fly, request, app) => ({ body: fly.showApp(fly.app(app)) })],
  ['DELETE', path(kApp), 'delete app', (fly, request, app) => fly.deleteApp(app)],
  ['GET', path(`${kApp}/ip_assignments`), 'list ips', (fly, request, app) => ({ body: { ips: fly.app(app).ips.map(({ type, ...ip }) => ip) } })],
  ['POST', path(`${kApp}/ip_assignments`), 'assign ip', (fly, request, app) => fly.assignIp(app, request.body)],
  [
    'GET',
    path(`${kApp}/machines`),
    'list machines',
    (fly, request, app) => ({
      body: [...fly.app(app).machines.values()].filter((machine) => machine.state !== 'destroyed').map((machine) => fly.showMachine(machine)).reverse(), // the newest first: no adapter may count on an order
    }),
  ],
  ['POST', path(`${kApp}/machines`), 'create machine', (fly, request, app) => fly.createMachine(app, request.body)],
  ['GET', path(kMachine), 'get machine', (fly, request, app, id) => ({ body: fly.showMachine(fly.machineOf(app, id)) })],
  ['POST', path(kMachine), 'update machine', (fly, request, app, id) => fly.updateMachine(request, app, id)],
  ['DELETE', path(kMachine), 'destroy machine', (fly, request, app, id) => fly.destroyMachine(request, app, id)],
  ['GET', path(`${kMachine}/wait`), 'wait machine', (fly, request, app, id) => fly.wait(request, app, id)],
  ['POST', path(`${kMachine}/start`), 'start machine', (fly, request, app, id) => fly.startMachine(request, app, id)],
  ['POST', path(`${kMachine}/stop`), 'stop machine', (fly, request, app, id) => fly.stopMachine(request, app, id)],
  ['GET', path(`${kMachine}/lease`), 'show lease', (fly, request, app, id) => fly.showLease(app, id)],
  ['POST', path(`${kMachine}/lease`), 'create lease', (fly, request, app, id) => fly.lease(request, app, id)],
  ['DELETE', path(`${kMachine}/lease`), 'release lease', (fly, request, app, id) => fly.releaseLease(request, app, id)],
  ['PUT', path(`${kMachine}/metadata`), 'put metadata', (fly, request, app, id) => fly.putMetadata(request, app, id)],
  ['GET', path(`${kApp}/volumes`), 'list volumes', (fly, request, app) => ({ body: fly.liveVolumes(fly.app(app)).map((volume) => fly.showVolume(volume)) })],
  ['POST', path(`${kApp}/volumes`), 'create volume', (fly, request, app) => fly.createVolume(app, request.body)],
  ['GET', path(kVolume), 'get volume', (fly, request, app, id) => ({ body: fly.showVolume(fly.volume(app, id)) })],
  ['DELETE', path(kVolume), 'delete volume', (fly, request, app, id) => fly.deleteVolume(app, id)],
  ['PUT', path(`${kVolume}/extend`), 'extend volume', (fly, request, app, id) => fly.extendVolume(app, id, request.body)],
  ['GET', path('/orgs/([^/]+)/machines'), 'list org machines', (fly, request, org) => fly.orgMachines(request, org)],
  ['GET', path('/orgs/([^/]+)/volumes'), 'list org volumes', (fly, request, org) => fly.orgVolumes(request, org)],
];

const kActs = {
  pageSize: (fly, what) => void (fly.pageSize = what.size),
  lag: (fly, what) => void (fly.lag = what.ms),
  addApp: (fly, what) => void fly.addApp(what.app, what.organization ?? kOrganization, what.network ?? 'default'),
  addMachine: (fly, what) => {
    const machine = fly.addMachine(fly.apps.get(what.app), { name: what.name ?? 'web', region: 'cdg', config: what.config });
    fly.move(machine, 'started', 'start');
    return { id: machine.id };
  },
  addVolume: (fly, what) => fly.createVolume(what.app, what.volume).body,
  breakImage: (fly, what) => void fly.brokenImages.add(what.image),
  mendImage: (fly, what) => void fly.brokenImages.delete(what.image),
  crash: (fly, what) => fly.crash(fly.one(what.app), what),
  fail: (fly, what) => fly.move(fly.one(what.app), 'failed', 'exit'),
  loseHost: (fly, what) => void (fly.one(what.app).host_status = 'unreachable'),
  failCheck: (fly, what) => void (fly.one(what.app).failing = what.check),
  lease: (fly, what) => {
    const machine = fly.one(what.app);
    machine.lease = { nonce: 'f00dfeedf00d', expires_at: Math.floor(fly.clock.now / 1000) + what.ttl, owner: 'somebody@tokens.fly.io', description: what.description ?? 'deploying', version: machine.instance_id };
  },
  edit: (fly, what) => {
    const machine = fly.one(what.app);
    fly.replaceConfig(machine, { ...clone(machine.config), ...what.config }, true);
  },
  destroyMachine: (fly, what) => fly.bury(fly.one(what.app)),
  write: (fly, what) => {
    const machine = fly.one(what.app);
    if (machine.state !== 'started' || machine.volume?.name !== what.volume) throw new Error('nothing runs with that volume');
    machine.volume.data.note = what.text;
  },
  read: (fly, what) => {
    const machine = fly.one(what.app);
    if (machine.volume?.name !== what.volume) throw new Error('nothing runs with that volume');
    return { text: machine.volume.data.note ?? null };
  },
};

new World((clock) => new Fly(clock)).listen(Number(process.argv[2] ?? 0));
