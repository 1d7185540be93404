interface MoreButtonProps {
  what: string;
  isLoading: boolean;
  more: () => void;
}

export function MoreButton({ what, isLoading, more }: MoreButtonProps) {
  return (
    <p className="more">
      <button type="button" disabled={isLoading} onClick={more}>
        {isLoading ? 'Loading…' : `Show ${what}`}
      </button>
    </p>
  );
}
