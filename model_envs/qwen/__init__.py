"""What the Qwen backends of both environments share: loading, prompts, vision, memory, several GPUs."""
