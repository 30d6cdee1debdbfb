import { Module } from '@nestjs/common';
import { EventsController } from './events.controller.js';
import { ExamplesController } from './examples.controller.js';
import { ReportService } from './report.service.js';

@Module({ controllers: [ExamplesController, EventsController], providers: [ReportService] })
export class ExamplesModule {}
