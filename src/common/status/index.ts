export { ServiceDetails } from './service-details.js';
export {
  type Backing,
  type Details,
  ServiceRegistry,
  type ServiceStatus,
} from './service-registry.js';
