"""The paper's three stages: encoders on random patches, the policy alone, encoders with the policy fixed."""
