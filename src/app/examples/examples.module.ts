import { Module } from '@nestjs/common';
import { ExamplesController } from './examples.controller.js';
import { ReportService } from './report.service.js';

@Module({ controllers: [ExamplesController], providers: [ReportService] })
export class ExamplesModule {}
