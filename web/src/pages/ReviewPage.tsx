/** One review, whole: the request, every verdict, every decision, and the person's answer. */
import { useQuery } from '@tanstack/react-query';
import { Link, Navigate, useParams } from 'react-router';
import { reviewQuery } from '../api/review';
import { Copy } from '../parts/Copy';
import { Fact, Facts } from '../parts/Facts';
import { Band, Head, Waiting } from '../parts/Page';
import { ProblemNote } from '../parts/Problem';
import { Prose } from '../parts/Prose';
import { ReviewCard } from '../parts/ReviewCard';
import { ReviewPill } from '../parts/StatePill';
import { Timeline } from '../parts/Timeline';
import classes from './pages.module.css';
import styles from './vote.module.css';

const back = { to: '/decisions?tab=reviews', word: 'Reviews' };

export function ReviewPage() {
  const { id = '' } = useParams();
  const { data: review, error } = useQuery(reviewQuery(id));
  if (!review) {
    return (
      <div className={classes.page}>
        <Head title="Review" back={back} />
        {error ? <ProblemNote error={error} /> : <Waiting />}
      </div>
    );
  }
  if (review.id !== id) return <Navigate to={`/reviews/${review.id}`} replace />;
  return (
    <div className={classes.page}>
      <Head
        title={`Review ${review.number} of ${review.author}`}
        pill={<ReviewPill review={review} />}
        why={review.why}
        back={back}
      />
      <div className={`${classes.card} ${styles.space}`}>
        <ReviewCard review={review} open />
      </div>
      <section className={`card ${styles.facts}`} aria-label="About this review">
        <Facts>
          <Fact name="Work">
            <Link to={`/runs/${review.run}`} className="link">
              its run
            </Link>
          </Fact>
          {review.task && (
            <Fact name="Task">
              <Link to={`/tasks/${review.task}`} className="link">
                its task
              </Link>
            </Fact>
          )}
          {review.session && (
            <Fact name="Session">
              <Link to={`/sessions/${review.session}`} className="link">
                its session
              </Link>
            </Fact>
          )}
          <Fact name="Review">
            <Copy label="review id" text={review.id}>
              {review.short}
            </Copy>
          </Fact>
          <Fact name="In the terminal">
            <Copy label="terminal command" text={review.cli} />
          </Fact>
          <Fact name="File">
            <Copy label="file" text={review.file} />
          </Fact>
        </Facts>
      </section>
      {review.instruction && (
        <Band title="What the author was told">
          <div className={styles.pad}>
            <Prose text={review.instruction} />
          </div>
        </Band>
      )}
      <section className={classes.band} aria-label="What happened">
        <h2 className={classes.bandHead}>What happened</h2>
        <Timeline filter={{ topic: 'review', subject: review.id }} />
      </section>
    </div>
  );
}
