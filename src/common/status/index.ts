export { type Backing, ServiceRegistry, type ServiceStatus } from './service-registry.js';
