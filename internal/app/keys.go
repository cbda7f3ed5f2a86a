package app

// sayKeys tells at start who may ask, and of keys that could be guessed.
func (a *App) sayKeys() {
	if len(a.cfg.Keys) == 0 {
		return
	}
	a.log.Info("only who has a key may ask", "keys", len(a.cfg.Keys))
	for _, k := range a.cfg.Keys {
		if k.Short {
			a.log.Warn("a short key can be guessed: gollamas key new prints one that cannot", "key", k.Name)
		}
	}
}
