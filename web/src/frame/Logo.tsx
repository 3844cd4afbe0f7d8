/** An O of two open arcs around a beat. */
export function Logo({ size = 22 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" fill="none" aria-hidden="true">
      <g strokeLinecap="round" strokeWidth={3.2}>
        <path stroke="currentColor" d="M24.84 24.84A12.5 12.5 0 1 1 28.31 13.83" />
        <path stroke="var(--focus)" d="M11.4 10.52A7.2 7.2 0 1 1 9.03 17.86" />
      </g>
      <circle fill="currentColor" cx="16" cy="16" r="2.3" />
    </svg>
  );
}
