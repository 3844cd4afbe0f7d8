import { Link } from 'react-router';
import { Head } from '../parts/Page';
import classes from './pages.module.css';

export function Missing() {
  return (
    <div className={classes.page}>
      <Head title="There is no such page" why="The address may be old, or mistyped." />
      <Link to="/" style={{ textDecoration: 'underline' }}>
        Go home
      </Link>
    </div>
  );
}
