/** What surrounds every page: rail, top bar, palette, and the one live connection. */
import { Menu, Tooltip } from '@mantine/core';
import { spotlight } from '@mantine/spotlight';
import { IconBellRinging, IconDots, IconSearch } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { lazy, Suspense, useCallback, useEffect } from 'react';
import { Link, NavLink, Outlet, useNavigate } from 'react-router';
import { statusQuery } from '../api/queries';
import { Live } from '../live/Live';
import { ConnectionDot } from './ConnectionDot';
import classes from './frame.module.css';
import { useGoKeys } from './keys';
import { Logo } from './Logo';
import { pages } from './pages';

const Palette = lazy(() => import('./Palette').then((module) => ({ default: module.Palette })));

export function Frame() {
  const navigate = useNavigate();
  const toLogin = useCallback(() => void navigate('/login', { replace: true }), [navigate]);
  return (
    <Live onSignedOut={toLogin}>
      <Inside />
    </Live>
  );
}

/** So many pages are one press away on a phone; the others are behind “More”. */
const NEAR = 5;

function Inside() {
  const navigate = useNavigate();
  const { data: status } = useQuery(statusQuery);
  const needs = status?.needs_you.length ?? 0;
  const host = status?.daemon.host;
  useGoKeys();

  useEffect(() => {
    document.title = `${needs > 0 ? `(${needs}) ` : ''}${host ? `${host} · ` : ''}Orkestra`;
  }, [needs, host]);

  return (
    <div className={classes.frame}>
      <a className={classes.skip} href="#main">
        Skip to the page
      </a>
      <section className={classes.top} aria-label="Top bar">
        <Link to="/" className={classes.topBrand} aria-label="Orkestra, Home">
          <Logo size={26} />
        </Link>
        <button
          type="button"
          className={classes.search}
          aria-label="Search and commands"
          aria-keyshortcuts="Control+K"
          onClick={() => spotlight.open()}
        >
          <IconSearch size={16} aria-hidden />
          <span>Go somewhere or do something</span>
          <kbd>Ctrl K</kbd>
        </button>
        <div className={classes.right}>
          {needs > 0 && (
            <Link to="/" className={classes.needs}>
              <IconBellRinging size={15} aria-hidden />
              {needs === 1 ? '1 needs you' : `${needs} need you`}
            </Link>
          )}
          {status && (
            <Tooltip label={`Orkestra ${status.daemon.version}, process ${status.daemon.pid}`}>
              <span className={`${classes.host} clip`}>{status.daemon.host}</span>
            </Tooltip>
          )}
          <ConnectionDot />
        </div>
      </section>
      <nav className={classes.rail} aria-label="Pages">
        <Link to="/" className={classes.brand}>
          <Logo />
          Orkestra
        </Link>
        {pages.map(({ to, word, icon: Icon, key }, index) => (
          <NavLink
            key={to}
            to={to}
            end={to === '/'}
            className={`${classes.link} ${index < NEAR ? '' : classes.far}`}
            aria-keyshortcuts={`g ${key}`}
          >
            <Icon size={19} stroke={1.7} aria-hidden />
            {word}
            {to === '/' && needs > 0 && (
              <span className={`${classes.count} num`}>
                {needs}
                <span className="hidden-text"> need you</span>
              </span>
            )}
          </NavLink>
        ))}
        <Menu position="top-end" width={200} withinPortal>
          <Menu.Target>
            <button type="button" className={`${classes.link} ${classes.more}`}>
              <IconDots size={19} stroke={1.7} aria-hidden />
              More
            </button>
          </Menu.Target>
          <Menu.Dropdown>
            {pages.slice(NEAR).map(({ to, word, icon: Icon }) => (
              <Menu.Item
                key={to}
                leftSection={<Icon size={17} stroke={1.7} aria-hidden />}
                onClick={() => void navigate(to)}
              >
                {word}
              </Menu.Item>
            ))}
          </Menu.Dropdown>
        </Menu>
        {status && <div className={classes.foot}>Orkestra {status.daemon.version}</div>}
      </nav>
      <main className={classes.main} id="main" tabIndex={-1}>
        <Outlet />
      </main>
      <Suspense>
        <Palette />
      </Suspense>
    </div>
  );
}
