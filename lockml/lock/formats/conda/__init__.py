"""The pip packages in locks of conda-lock and pixi."""
