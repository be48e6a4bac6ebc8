// A stateful fake of Railway's public GraphQL API, on a mock clock, over the vendor's own schema: every document is
// validated against it, every variable coerced by it. What the fields do is taken from docs.railway.com
// (integrations/api, deployments, volumes, pricing/plans); how long things take is made up.
// Run: node railway.mjs SCHEMA.json [PORT]

import { readFileSync } from 'node:fs';
import { buildClientSchema, execute, GraphQLError, parse, validate } from 'graphql';
import { World } from './world.mjs';

const kToken = 'fake-railway-token';
const kWorkspace = 'workspace-1';
const kHour = 3600 * 1000;
const kRequestsPerHour = { free: 100, hobby: 1000, pro: 10000 };
const kPlans = {
  free: { memoryGB: 0.5, vCPUs: 1, volumeMB: 500, volumes: 1, always: false },
  hobby: { memoryGB: 48, vCPUs: 48, volumeMB: 5000, volumes: 10, always: true },
  pro: { memoryGB: 1000, vCPUs: 1000, volumeMB: 50000, volumes: 20, always: true },
};
const kQueue = 300;
const kDeploy = 1500;
const kTeardown = 1000;

const kWaiting = ['INITIALIZING', 'QUEUED', 'WAITING', 'NEEDS_APPROVAL', 'BUILDING'];
const kMoving = [...kWaiting, 'DEPLOYING'];
const kActive = ['SUCCESS', 'SLEEPING', 'CRASHED'];

const schema = buildClientSchema(JSON.parse(readFileSync(process.argv[2])).data);

function refuse(message, code = 'BAD_USER_INPUT') {
  throw new GraphQLError(message, { extensions: { code } });
}
function need(value, message) {
  if (!value) refuse(message);
  return value;
}

/** A Relay connection over a list. */
function connection(items, { first, after } = {}, pageSize = 1000) {
  const begin = after ? Number(after) : 0;
  const end = Math.min(begin + Math.min(first ?? pageSize, pageSize), items.length);
  const edges = items.slice(begin, end).map((node, i) => ({ cursor: String(begin + i + 1), node }));
  return {
    edges,
    pageInfo: { hasNextPage: end < items.length, hasPreviousPage: begin > 0, startCursor: String(begin), endCursor: String(end) },
  };
}

class Railway {
  constructor(clock) {
    this.clock = clock;
    this.serial = 0;
    this.plan = 'free';
    this.pageSize = 1000;
    this.projects = [];
    this.brokenImages = new Set();
    this.failing = []; // root fields that fail: {field, times, message}
    this.window = { end: 0, used: 0 };
  }

  id(kind) {
    this.serial += 1;
    return `${kind}-${String(this.serial).padStart(8, '0')}-4000-8000-000000000000`;
  }
  now() {
    return this.clock.iso();
  }

  // The front

  label(request) {
    const { query, operationName } = request.body ?? {};
    const name = operationName ?? /(query|mutation)\s+(\w+)/.exec(query ?? '')?.slice(1).join(' ') ?? 'nothing';
    return `POST ${name}`;
  }

  /** Counts this request: headers to send, and whether the hour's requests are used up. */
  meter() {
    const { now } = this.clock;
    const limit = kRequestsPerHour[this.plan];
    if (now >= this.window.end) this.window = { end: now + kHour, used: 0 };
    this.window.used += 1;
    const isOver = this.window.used > limit;
    const headers = {
      'x-ratelimit-limit': String(limit),
      'x-ratelimit-remaining': String(Math.max(0, limit - this.window.used)),
      'x-ratelimit-reset': this.clock.iso(this.window.end),
      ...(isOver && { 'retry-after': String(Math.ceil((this.window.end - now) / 1000)) }),
    };
    return { headers, isOver };
  }

  async handle(request) {
    const { headers, isOver } = this.meter();
    if (isOver) return this.errors(429, headers, [{ message: 'Rate limit exceeded' }]);
    if (request.method !== 'POST') return this.errors(405, headers, [{ message: 'POST only' }]);
    if (request.headers.authorization !== `Bearer ${kToken}`) return this.errors(200, headers, [{ message: 'Not Authorized' }]);
    let document;
    try {
      document = parse(request.body?.query ?? '');
    } catch (problem) {
      return this.errors(400, headers, [problem], 'GRAPHQL_PARSE_FAILED');
    }
    const violations = validate(schema, document);
    if (violations.length > 0) return this.errors(400, headers, violations, 'GRAPHQL_VALIDATION_FAILED');
    return this.run(document, request.body.variables ?? {}, headers);
  }

  async run(document, variableValues, headers) {
    const result = await execute({ schema, document, rootValue: this.root(), variableValues });
    const errors = result.errors?.map((error) => this.show(error, 'INTERNAL_SERVER_ERROR'));
    return { status: 200, headers, body: { ...(errors && { errors }), data: result.data ?? null } };
  }

  show(error, code) {
    const { message, path, locations, extensions } = error;
    return { message, ...(path && { path }), ...(locations && { locations }), extensions: { code, ...extensions }, traceId: this.id('trace') };
  }

  errors(status, headers, problems, code = 'INTERNAL_SERVER_ERROR') {
    return { status, headers, body: { errors: problems.map((problem) => this.show(problem, code)), data: null } };
  }

  /** Root fields, each of which a test may make fail. */
  root() {
    const fields = {};
    for (const name of Object.getOwnPropertyNames(Railway.prototype)) {
      const field = /^(?:query|mutation)_(\w+)$/.exec(name)?.[1];
      if (!field) continue;
      fields[field] = (args) => {
        this.maybeFail(field);
        return this[name](args);
      };
    }
    return fields;
  }

  maybeFail(field) {
    const fault = this.failing.find((one) => one.field === field && one.times !== 0);
    if (!fault) return;
    if (fault.skip > 0) {
      fault.skip -= 1;
      return;
    }
    fault.times -= 1;
    refuse(fault.message ?? 'Problem processing request', 'INTERNAL_SERVER_ERROR');
  }

  // Finding

  live() {
    return this.projects.filter((project) => !project.deletedAt);
  }
  project(id) {
    return need(this.live().find((project) => project.id === id), 'Project not found');
  }
  environment(id) {
    for (const project of this.live()) {
      const found = project.environmentList.find((environment) => environment.id === id);
      if (found) return found;
    }
    return refuse('Environment not found');
  }
  instance(serviceId, environmentId) {
    const environment = this.environment(environmentId);
    return need(environment.instances.find((instance) => instance.serviceId === serviceId), 'ServiceInstance not found');
  }
  everyDeployment() {
    return this.live().flatMap((project) => project.environmentList.flatMap((environment) => environment.instances.flatMap((instance) => instance.deployments)));
  }
  deployment(id) {
    return need(this.everyDeployment().find((deployment) => deployment.id === id), 'Deployment not found');
  }
  volume(id) {
    for (const project of this.live()) {
      const found = project.volumeList.find((volume) => volume.id === id);
      if (found) return { project, volume: found };
    }
    return refuse('Volume not found');
  }

  // Projects

  query_projects({ workspaceId, first, after }) {
    const seen = this.live().filter((project) => !workspaceId || project.workspaceId === workspaceId);
    return connection(seen, { first, after }, this.pageSize);
  }
  query_project({ id }) {
    return this.project(id);
  }

  mutation_projectCreate({ input }) {
    if (input.workspaceId !== undefined && input.workspaceId !== kWorkspace) refuse('Workspace not found');
    return this.addProject(input.name ?? 'random-name', input.description ?? null, input.defaultEnvironmentName ?? 'production');
  }

  addProject(name, description, environmentName) {
    const project = { id: this.id('project'), name, description, workspaceId: kWorkspace, createdAt: this.now(), updatedAt: this.now() };
    Object.assign(project, { deletedAt: null, environmentList: [], serviceList: [], volumeList: [] });
    project.environments = (args) => connection(project.environmentList, args);
    project.services = (args) => connection(project.serviceList, args);
    project.volumes = (args) => connection(project.volumeList, args);
    this.addEnvironment(project, environmentName);
    this.projects.push(project);
    return project;
  }

  addEnvironment(project, name) {
    const environment = { id: this.id('environment'), name, projectId: project.id, project, createdAt: this.now(), updatedAt: this.now() };
    Object.assign(environment, { instances: [], isEphemeral: false });
    environment.serviceInstances = (args) => connection(environment.instances, args);
    environment.volumeInstances = (args) =>
      connection(project.volumeList.flatMap((volume) => volume.instances.filter((one) => one.environmentId === environment.id)), args);
    project.environmentList.push(environment);
  }

  mutation_projectUpdate({ id, input }) {
    const project = this.project(id);
    for (const key of ['name', 'description']) if (input[key] !== undefined && input[key] !== null) project[key] = input[key];
    project.updatedAt = this.now();
    return project;
  }

  mutation_projectDelete({ id }) {
    const project = this.project(id);
    for (const environment of project.environmentList) {
      for (const instance of environment.instances) for (const deployment of instance.deployments) this.clock.cancel(deployment.timer);
    }
    project.deletedAt = this.now();
    return true;
  }

  // Services

  mutation_serviceCreate({ input }) {
    const project = this.project(input.projectId);
    const name = input.name ?? `service-${this.serial}`;
    if (project.serviceList.some((service) => service.name === name)) refuse(`A service named "${name}" already exists in this project`);
    const service = { id: this.id('service'), name, projectId: project.id, project, createdAt: this.now(), updatedAt: this.now() };
    project.serviceList.push(service);
    for (const environment of project.environmentList) this.addInstance(environment, service, input);
    return service;
  }

  addInstance(environment, service, input) {
    const instance = {
      ...{ id: this.id('instance'), serviceId: service.id, service, serviceName: service.name, environmentId: environment.id, environment },
      ...{ startCommand: null, healthcheckPath: null, healthcheckTimeout: null, region: null, numReplicas: null, sleepApplication: false },
      ...{ restartPolicyType: 'ON_FAILURE', restartPolicyMaxRetries: 10, drainingSeconds: null, overlapSeconds: null },
      ...{ source: input.source ?? null, variables: { ...input.variables }, limits: null, domainList: [], deployments: [], watchPatterns: [] },
      ...{ createdAt: this.now(), updatedAt: this.now(), builder: 'RAILPACK', isUpdatable: false },
    };
    instance.latestDeployment = () => instance.deployments[0] ?? null;
    instance.activeDeployments = () => instance.deployments.filter((one) => kActive.includes(one.status) && !one.deploymentStopped);
    instance.domains = () => ({ serviceDomains: instance.domainList, customDomains: [] });
    environment.instances.push(instance);
    if (instance.source) this.deploy(instance);
  }

  query_serviceInstance({ serviceId, environmentId }) {
    return this.instance(serviceId, environmentId);
  }

  mutation_serviceInstanceUpdate({ serviceId, environmentId, input }) {
    const instance = this.instance(serviceId, need(environmentId, 'environmentId is needed here'));
    if (input.restartPolicyType === 'ALWAYS' && !kPlans[this.plan].always) refuse('The restart policy ALWAYS is not available on your plan');
    for (const [key, value] of Object.entries(input)) instance[key] = value;
    instance.updatedAt = this.now();
    return true;
  }

  mutation_serviceInstanceLimitsUpdate({ input }) {
    const instance = this.instance(input.serviceId, input.environmentId);
    const plan = kPlans[this.plan];
    if (input.memoryGB > plan.memoryGB) refuse(`Memory limit must be at most ${plan.memoryGB} GB on your plan`);
    if (input.vCPUs > plan.vCPUs) refuse(`CPU limit must be at most ${plan.vCPUs} vCPU on your plan`);
    instance.limits = { containers: { cpu: input.vCPUs, memoryBytes: Math.round(input.memoryGB * 1e9) } };
    return true;
  }

  query_serviceInstanceLimitOverride({ serviceId, environmentId }) {
    return this.instance(serviceId, environmentId).limits;
  }

  mutation_serviceDelete({ id }) {
    const project = need(this.live().find((one) => one.serviceList.some((service) => service.id === id)), 'Service not found');
    project.serviceList = project.serviceList.filter((service) => service.id !== id);
    for (const environment of project.environmentList) environment.instances = environment.instances.filter((one) => one.serviceId !== id);
    for (const volume of project.volumeList) for (const one of volume.instances) if (one.serviceId === id) one.serviceId = null;
    return true;
  }

  // Variables

  mutation_variableCollectionUpsert({ input }) {
    const instance = this.instance(input.serviceId, input.environmentId);
    const kept = input.replace ? {} : instance.variables;
    instance.variables = { ...kept, ...input.variables };
    if (!input.skipDeploys && instance.source) this.deploy(instance);
    return true;
  }

  query_variables({ projectId, environmentId, serviceId }) {
    this.project(projectId);
    const instance = this.instance(need(serviceId, 'shared variables are not faked'), environmentId);
    const provided = { RAILWAY_PROJECT_ID: projectId, RAILWAY_ENVIRONMENT_ID: environmentId, RAILWAY_SERVICE_ID: serviceId };
    return { ...instance.variables, ...provided };
  }

  // Deployments

  mutation_serviceInstanceDeployV2({ serviceId, environmentId }) {
    return this.deploy(this.instance(serviceId, environmentId)).id;
  }

  deploy(instance) {
    if (!instance.source?.image) refuse('The service has no source to deploy');
    const deployment = {
      ...{ id: this.id('deployment'), status: 'INITIALIZING', createdAt: this.now(), statusUpdatedAt: this.now(), updatedAt: this.now() },
      ...{ deploymentStopped: false, serviceId: instance.serviceId, environmentId: instance.environmentId, projectId: instance.service.projectId },
      ...{ canRedeploy: true, canRollback: false, meta: { image: instance.source.image }, instances: [], sockets: [], logs: [] },
      ...{ instance, image: instance.source.image, startCommand: instance.startCommand, variables: { ...instance.variables } },
    };
    for (const older of instance.deployments) if (kMoving.includes(older.status)) this.finish(older, 'REMOVED');
    instance.deployments.unshift(deployment);
    this.later(deployment, kQueue, () => {
      this.setStatus(deployment, 'DEPLOYING');
      this.later(deployment, kDeploy, () => this.arrive(deployment));
    });
    return deployment;
  }

  later(deployment, delay, what) {
    this.clock.cancel(deployment.timer);
    deployment.timer = this.clock.after(delay, what);
  }

  setStatus(deployment, status) {
    Object.assign(deployment, { status, statusUpdatedAt: this.now(), updatedAt: this.now() });
  }

  finish(deployment, status) {
    this.clock.cancel(deployment.timer);
    this.setStatus(deployment, status);
    deployment.deploymentStopped = true;
  }

  /** The new one is online, or failed; only in the first case do the older ones go. */
  arrive(deployment) {
    if (this.brokenImages.has(deployment.image)) return this.finish(deployment, 'FAILED');
    this.setStatus(deployment, 'SUCCESS');
    deployment.logs.push({ timestamp: this.now(), message: `Starting ${deployment.image}`, severity: 'info', attributes: [] });
    for (const older of deployment.instance.deployments) {
      if (older !== deployment && [...kActive, 'FAILED'].includes(older.status)) this.tearDown(older);
    }
    return undefined;
  }

  tearDown(deployment) {
    this.setStatus(deployment, 'REMOVING');
    this.later(deployment, kTeardown, () => this.finish(deployment, 'REMOVED'));
  }

  mutation_deploymentRemove({ id }) {
    const deployment = this.deployment(id);
    if (!kActive.includes(deployment.status) && deployment.status !== 'FAILED') refuse(`Cannot remove a deployment that is ${deployment.status}`);
    this.tearDown(deployment);
    return true;
  }

  mutation_deploymentCancel({ id }) {
    const deployment = this.deployment(id);
    if (!kMoving.includes(deployment.status)) refuse(`Cannot cancel a deployment that is ${deployment.status}`);
    this.finish(deployment, 'REMOVED');
    return true;
  }

  query_deploymentLogs({ deploymentId, limit, startDate }) {
    const all = this.deployment(deploymentId).logs.filter((line) => !startDate || line.timestamp >= startDate);
    return all.slice(-(limit ?? 500));
  }

  // Volumes

  mutation_volumeCreate({ input }) {
    const project = this.project(input.projectId);
    const plan = kPlans[this.plan];
    if (project.volumeList.length >= plan.volumes) refuse(`Your plan allows ${plan.volumes} volumes in a project`);
    if (!input.mountPath.startsWith('/')) refuse('The mount path must be absolute');
    const taken = input.serviceId && project.volumeList.some((volume) => volume.instances.some((one) => one.serviceId === input.serviceId));
    if (taken) refuse('A service can only have one volume');
    const volume = { id: this.id('volume'), name: `volume-${this.serial}`, projectId: project.id, project, createdAt: this.now(), instances: [] };
    for (const environment of project.environmentList) {
      volume.instances.push({
        ...{ id: this.id('volumeinstance'), volumeId: volume.id, volume, environmentId: environment.id, environment, serviceId: input.serviceId ?? null },
        ...{ mountPath: input.mountPath, sizeMB: plan.volumeMB, currentSizeMB: 12.5, state: 'READY', region: input.region ?? null, createdAt: this.now() },
        ...{ isPendingDeletion: false, data: {} },
      });
    }
    project.volumeList.push(volume);
    return volume;
  }

  mutation_volumeUpdate({ volumeId, input }) {
    const { volume } = this.volume(volumeId);
    if (input.name) volume.name = input.name;
    return volume;
  }

  mutation_volumeInstanceUpdate({ volumeId, environmentId, input }) {
    const { volume } = this.volume(volumeId);
    for (const one of volume.instances) {
      if (environmentId && one.environmentId !== environmentId) continue;
      if (input.mountPath) one.mountPath = input.mountPath;
      one.serviceId = input.serviceId ?? null;
    }
    return true;
  }

  mutation_volumeDelete({ volumeId }) {
    const { project } = this.volume(volumeId);
    project.volumeList = project.volumeList.filter((volume) => volume.id !== volumeId);
    return true;
  }

  // Domains

  mutation_serviceDomainCreate({ input }) {
    const instance = this.instance(input.serviceId, input.environmentId);
    const domain = {
      ...{ id: this.id('domain'), domain: `${instance.serviceName}-production-${this.serial.toString(16)}.up.railway.app`, suffix: 'up.railway.app' },
      ...{ targetPort: input.targetPort ?? null, serviceId: input.serviceId, environmentId: input.environmentId, syncStatus: 'ACTIVE' },
    };
    instance.domainList.push(domain);
    return domain;
  }

  mutation_serviceDomainUpdate({ input }) {
    const instance = this.instance(input.serviceId, input.environmentId);
    const domain = need(instance.domainList.find((one) => one.id === input.serviceDomainId), 'Domain not found');
    Object.assign(domain, { domain: input.domain, targetPort: input.targetPort ?? null });
    return true;
  }

  mutation_serviceDomainDelete({ id }) {
    for (const project of this.live()) {
      for (const environment of project.environmentList) {
        for (const instance of environment.instances) instance.domainList = instance.domainList.filter((one) => one.id !== id);
      }
    }
    return true;
  }

  // For tests

  state() {
    const project = (one) => ({
      ...{ id: one.id, name: one.name, description: one.description },
      volumes: one.volumeList.map((volume) => ({ id: volume.id, name: volume.name, instances: volume.instances.map(({ volume: _, environment, ...rest }) => rest) })),
      services: one.environmentList.flatMap((environment) =>
        environment.instances.map(({ service, environment: _, deployments, ...rest }) => ({
          ...rest,
          deployments: deployments.map(({ instance, timer, ...shown }) => shown),
        })),
      ),
    });
    return { now: this.clock.now, window: this.window, projects: this.live().map(project) };
  }

  act(what) {
    const call = kActs[what.do];
    if (!call) throw new Error(`there is no act '${what.do}'`);
    return call(this, what);
  }

  /** The one service of the project with that name. */
  only(name) {
    const found = this.live().filter((project) => project.name === name);
    if (found.length !== 1) throw new Error(`there are ${found.length} projects ${name}`);
    return { project: found[0], instance: found[0].environmentList[0].instances[0] };
  }

  mounted(what) {
    const { project, instance } = this.only(what.project);
    const volume = project.volumeList.find((one) => one.name === what.volume);
    const mounted = volume?.instances.find((one) => one.serviceId === instance.serviceId);
    if (!mounted || instance.activeDeployments().length === 0) throw new Error('nothing runs with that volume');
    return mounted;
  }
}

const kActs = {
  plan: (railway, what) => void (railway.plan = what.plan),
  pageSize: (railway, what) => void (railway.pageSize = what.size),
  failField: (railway, what) => void railway.failing.push({ times: 1, skip: 0, ...what }),
  addProject: (railway, what) => ({ id: railway.addProject(what.name, what.description ?? null, 'production').id }),
  breakImage: (railway, what) => void railway.brokenImages.add(what.image),
  mendImage: (railway, what) => void railway.brokenImages.delete(what.image),
  crash: (railway, what) => {
    const deployment = railway.only(what.project).instance.deployments[0];
    railway.setStatus(deployment, 'CRASHED');
    deployment.deploymentStopped = true;
  },
  sleep: (railway, what) => railway.setStatus(railway.only(what.project).instance.deployments[0], 'SLEEPING'),
  log: (railway, what) => {
    const deployment = railway.only(what.project).instance.deployments[0];
    deployment.logs.push({ timestamp: railway.now(), message: what.text, severity: 'info', attributes: [] });
  },
  /** Somebody changes a variable in the dashboard, which deploys anew. */
  edit: (railway, what) => {
    const { instance } = railway.only(what.project);
    Object.assign(instance.variables, what.variables);
    Object.assign(instance, what.instance);
    railway.deploy(instance);
  },
  write: (railway, what) => void (railway.mounted(what).data.note = what.text),
  read: (railway, what) => ({ text: railway.mounted(what).data.note ?? null }),
};

new World((clock) => new Railway(clock)).listen(Number(process.argv[3] ?? 0));
