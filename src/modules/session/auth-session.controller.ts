import { Controller, Delete, Get, Inject, Param, UseGuards } from '@nestjs/common';
import { AdminTokenGuard } from '../../common/admin/index.js';
import { SessionService } from './session.service.js';
import { sessionNotFound, type SessionView, viewOrNotFound } from './session-view.js';

/** The two endpoints that clients of the earlier backends know, closed by the admin token. */
@Controller('auth/sessions/redis')
@UseGuards(AdminTokenGuard)
export class AuthSessionAdminController {
  constructor(@Inject(SessionService) private readonly sessions: SessionService) {}

  @Get(':id')
  async get(@Param('id') id: string): Promise<SessionView> {
    return viewOrNotFound(await this.sessions.get(id));
  }

  @Delete(':id')
  async destroy(@Param('id') id: string): Promise<{ readonly destroyed: 1 }> {
    if (!(await this.sessions.destroy(id))) throw sessionNotFound();
    return { destroyed: 1 };
  }
}
