"""Who runs what when: scheduler, dispatcher, workers, and one run of one target."""
