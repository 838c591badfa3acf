//! Is this process safe to fork? Skeleton.
