import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import type { Session } from '../../src/dashboard/api.ts';
import { KeysDialog } from './navigation/keys-dialog.tsx';
import { usePlace } from './navigation/place.ts';
import { useShortcuts } from './navigation/shortcuts.ts';
import { Sidebar } from './navigation/sidebar.tsx';
import { AuditPage } from './pages/audit.tsx';
import { JobPage } from './pages/job.tsx';
import { JobsPage } from './pages/jobs.tsx';
import { OperationsPage } from './pages/operations.tsx';
import { OverviewPage } from './pages/overview.tsx';
import { RequestPage } from './pages/request.tsx';
import { RequestsPage } from './pages/requests.tsx';
import { SettingsPage } from './pages/settings.tsx';
import { TaskPage } from './pages/task.tsx';
import { TasksPage } from './pages/tasks.tsx';
import { WorkersPage } from './pages/workers.tsx';
import { ConnectionBar } from './parts/connection-bar.tsx';
import { Notices } from './parts/notices.tsx';
import { PageHead } from './parts/page-head.tsx';
import { Empty, Failure, Loading } from './parts/situation.tsx';
import { SessionContext } from './server/session.ts';
import { useAnswer } from './server/use-answer.ts';

/** The page of a path; each has one of its own. */
function pageOf(path: string): ComponentChildren {
  const [name = '', id, ...rest] = path.split('/').map(decode);
  if (rest.length > 0) return <NotFound path={path} />;
  if (id !== undefined) {
    if (name === 'requests') return <RequestPage key={id} id={id} />;
    if (name === 'tasks') return <TaskPage key={id} id={id} />;
    if (name === 'jobs') return <JobPage key={id} id={id} />;
    return <NotFound path={path} />;
  }
  switch (name) {
    case '':
      return <OverviewPage />;
    case 'requests':
      return <RequestsPage />;
    case 'tasks':
      return <TasksPage />;
    case 'jobs':
      return <JobsPage />;
    case 'workers':
      return <WorkersPage />;
    case 'settings':
      return <SettingsPage />;
    case 'operations':
      return <OperationsPage />;
    case 'audit':
      return <AuditPage />;
    default:
      return <NotFound path={path} />;
  }
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function NotFound({ path }: { readonly path: string }) {
  return (
    <>
      <PageHead title="Not found" tab="Not found" />
      <div class="card">
        <Empty title="There is no page of this address">
          <p class="mono">{path}</p>
        </Empty>
      </div>
    </>
  );
}

export function App() {
  const { path } = usePlace();
  const session = useAnswer<Session>('session', []);
  const [isShowingKeys, setShowingKeys] = useState(false);
  useShortcuts(() => setShowingKeys((isShown) => !isShown));
  const { data } = session;
  return (
    <>
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <div class="shell">
        <Sidebar session={data} path={path} onKeys={() => setShowingKeys(true)} />
        <main id="main" class="main-column" tabIndex={-1}>
          <ConnectionBar />
          {data === undefined ? (
            session.refusal === undefined ? (
              <Loading lines={8} />
            ) : (
              <Failure answer={session} />
            )
          ) : (
            <SessionContext.Provider value={data}>{pageOf(path)}</SessionContext.Provider>
          )}
        </main>
      </div>
      <Notices />
      {isShowingKeys ? <KeysDialog onClose={() => setShowingKeys(false)} /> : null}
    </>
  );
}
